import { startServer } from './server.ts'

/** A program that starts a server and is killed. */
const server = await startServer()
console.log(JSON.stringify({ url: server.url(), directory: server.directory }))
setInterval(() => {}, 1_000)
