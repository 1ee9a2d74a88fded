/** A program that a target runs in tests: says which version it is. What it does beside that stands in its version. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import { joinSupervisor } from 'dure/supervisor'

const version = process.argv[2] ?? '0'
const supervised = joinSupervisor()
if (version.startsWith('crash')) throw new Error('It crashes')
const { GREETING, PASSWORD } = process.env
const held: Buffer[] = []
const server = createServer((request, response) => {
  const answer = (status: number, value: unknown): void => void response.writeHead(status).end(JSON.stringify(value))
  if (request.url === '/health/ready')
    return answer(version.startsWith('never') ? 503 : 200, { ready: !version.startsWith('never') })
  if (version.startsWith('fails')) return answer(500, {})
  // Until the limit of its memory ends it.
  if (version.startsWith('leaks')) held.push(Buffer.alloc(8_000_000, 1))
  const work = (): void => answer(200, { version, copy: String(process.pid), environment: { GREETING, PASSWORD } })
  if (version.startsWith('slow')) setTimeout(work, 200)
  else work()
})
if (await supervised?.loaded()) {
  const fd = supervised?.sockets.get('rest')
  server.listen(fd === undefined ? { port: Number(process.env['PORT']), host: '127.0.0.1' } : { fd })
  await once(server, 'listening')
  supervised?.ready()
  await supervised?.stopped
  // Those who are connected hear that it ends with the answer they get.
  server.close()
  server.closeIdleConnections()
  await once(server, 'close')
}
supervised?.leave()
