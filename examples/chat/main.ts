/** `node --conditions=dure-source main.ts [PAGE-PORT] [SOCKET-PORT] [DIRECTORY]`: the chat; it says where its page is. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rest } from '@dure/rest'
import { socket } from '@dure/socket'
import { start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { rolldown } from 'rolldown'
import { chat } from './service.ts'

const [, , page = '8080', sockets = '8091', directory = '.data/chat'] = process.argv
const built = await rolldown({
  input: join(import.meta.dirname, 'page/page.js'),
  platform: 'browser',
  resolve: { conditionNames: ['dure-source', 'import', 'browser', 'default'] },
})
const script = (await built.generate({ format: 'esm' })).output[0].code
const html = readFileSync(join(import.meta.dirname, 'page/index.html'), 'utf8').replace('SOCKETS', sockets)

const doors = [
  rest({
    port: Number(page),
    extend: (app) => {
      app.get('/chat', (_, reply) => reply.type('text/html').send(html))
      app.get('/chat/page.js', (_, reply) => reply.type('text/javascript').send(script))
    },
  }),
  socket({ port: Number(sockets), origins: [`http://127.0.0.1:${page}`] }),
]
const running = await start(system('chat', { services: [chat], doors, security: 'off' }), { directory, log: silentLogger() })
console.log(`The chat is at ${running.doors[0]!.url}/chat`)
process.once('SIGTERM', () => void running.stop())
