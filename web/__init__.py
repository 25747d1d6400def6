"""The builder of the web page and of the lessons in the browser: `make site`."""
