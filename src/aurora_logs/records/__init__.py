"""The values that flow: frozen structs without behaviour. Nothing here does I/O or knows a vendor."""
