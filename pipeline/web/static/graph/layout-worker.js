// Beside the page: works out where names stand. The library is written as a module of another kind, which this stands in for.
self.module = {};
importScripts("../vendor/forceatlas2.worker.js");
self.module.exports();
