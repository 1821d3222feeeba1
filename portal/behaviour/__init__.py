"""The section of a site on how its visitors fare: pages, clicks, vitals, errors, forms."""
