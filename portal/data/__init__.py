"""The life of a site's numbers: what is kept, holds, erasing, certificates, the public page."""
