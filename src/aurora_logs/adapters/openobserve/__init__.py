"""OpenObserve as sink and as the place of insights, over its HTTP API; versions 0.14.7 and newer."""
