/** What a pod runs in tests: says which version it is, and does what stands in its version. */
import { createServer } from 'node:http'

const { VERSION = '', PORT, GREETING, PASSWORD } = process.env
if (VERSION.startsWith('crash')) process.exit(1)
const server = createServer((request, response) => {
  const answer = (status: number, value: unknown): void => void response.writeHead(status).end(JSON.stringify(value))
  if (request.url === '/health/ready') return answer(VERSION.startsWith('never') ? 503 : 200, {})
  answer(200, { version: VERSION, copy: String(process.pid), environment: { GREETING, PASSWORD } })
})
server.listen(Number(PORT), '127.0.0.1')
process.once('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
