/** A process with a door: answers each connection with its process id; begins only when the file is there. */
import { watch, existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { joinSupervisor } from './supervisor.ts'

const supervised = joinSupervisor()!
if (!(await supervised.loaded())) process.exit(0)
const file = process.argv[2]!
if (!existsSync(file)) {
  await new Promise<void>((resolve) => {
    const watcher = watch(dirname(file), () => {
      if (!existsSync(file)) return
      watcher.close()
      resolve()
    })
    // Not before it watches: who reads this may make the file at once.
    process.stdout.write('waiting\n')
  })
}
const server = createServer((socket) => socket.on('error', () => {}).end(String(process.pid)))
const fd = supervised.sockets.get('door')
await new Promise<void>((resolve) => void server.listen(fd === undefined ? { port: 0, host: '127.0.0.1' } : { fd }, resolve))
process.stdout.write('working\n')
// A Unix socket that was handed over has no address that Node could tell.
supervised.ready((server.address() as AddressInfo | null)?.port)
await supervised.stopped
process.stdout.write(`stopping ${JSON.stringify(supervised.manner())}\n`)
await new Promise((resolve) => server.close(resolve))
supervised.leave()
