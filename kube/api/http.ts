/**
 * node:http and node:https, as require() gives them: an import statement reads every export, and with them fetch's WebSocket, for which Node
 * loads undici and HTTP/2 (lib/http.js), 5 MiB of memory in every agent.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
