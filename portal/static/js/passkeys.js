// Forms with data-passkey: the browser makes a passkey ("create") or shows one ("get"), and the answer
// goes with the form. Options and answers are JSON as WebAuthn level 3 writes it, bytes in base64url.
(() => {
  "use strict";

  if (!window.PublicKeyCredential || !navigator.credentials) return;

  function toBytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
  }

  function toText(buffer) {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function readOptions(text) {
    const options = JSON.parse(text);
    options.challenge = toBytes(options.challenge);
    if (options.user) options.user.id = toBytes(options.user.id);
    for (const name of ["excludeCredentials", "allowCredentials"]) {
      for (const row of options[name] || []) row.id = toBytes(row.id);
    }
    return options;
  }

  function writeCredential(credential) {
    const answer = credential.response;
    const response = { clientDataJSON: toText(answer.clientDataJSON) };
    if (answer.attestationObject) {
      response.attestationObject = toText(answer.attestationObject);
      response.transports = answer.getTransports ? answer.getTransports() : [];
    } else {
      response.authenticatorData = toText(answer.authenticatorData);
      response.signature = toText(answer.signature);
      response.userHandle = answer.userHandle ? toText(answer.userHandle) : null;
    }
    return JSON.stringify({
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      response,
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  }

  function say(form, problem) {
    const place = form.querySelector("[data-problem]");
    place.textContent = problem;
    place.hidden = !problem;
  }

  async function onSubmit(event) {
    const form = event.target;
    event.preventDefault();
    say(form, "");
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const publicKey = readOptions(form.dataset.options);
      const made = await navigator.credentials[form.dataset.passkey]({ publicKey });
      form.elements.credential.value = writeCredential(made);
      form.submit();
    } catch (error) {
      const texts = JSON.parse(form.dataset.texts);
      say(form, texts[error.name] || texts.other);
      button.disabled = false;
    }
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", onSubmit);
    form.hidden = false;
  }
})();
