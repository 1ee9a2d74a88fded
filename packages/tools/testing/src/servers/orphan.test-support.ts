import { startLocalServer, type ServerKind } from './servers.ts'

/** A program that starts a server of the kind it is told, and is killed. */
const server = await startLocalServer(process.argv[2] as ServerKind)
console.log(JSON.stringify({ port: server.port, directory: server.directory, pid: server.pid }))
setInterval(() => {}, 1_000)
