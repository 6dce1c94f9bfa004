#!/usr/bin/python3
"""A browser for WebKit's WebDriver, with its profile in the folder that is named. WebKit's own MiniBrowser keeps what
pages store only while a page uses it."""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2

profile = sys.argv[1]
data = WebKit2.WebsiteDataManager(
    base_data_directory=f"{profile}/data", base_cache_directory=f"{profile}/cache"
)
context = WebKit2.WebContext(website_data_manager=data)
context.set_automation_allowed(True)


def create_view(_session):
    view = WebKit2.WebView(web_context=context, is_controlled_by_automation=True)
    window = Gtk.Window(default_width=1024, default_height=768)
    window.add(view)
    window.show_all()
    view.connect("close", lambda _view: window.destroy())
    return view


def start(_context, session):
    session.connect("create-web-view", create_view)
    session.connect("will-close", lambda _session: Gtk.main_quit())


context.connect("automation-started", start)
Gtk.main()
