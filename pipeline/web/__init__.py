"""The web page: files that the API's process serves. ``docs/web.md`` tells how they are built."""
