import { fileURLToPath } from 'node:url'
import { playPython, withShop } from '@dure/testing/foreign'
import { startLocalServer } from '@dure/testing/servers'
import { natsBroker } from './nats.ts'
import { freshPrefix, SHORT } from './world.test-support.ts'

/** `node foreign.test-support.ts PYTHON`: what a program with nats-py sees of a system, and does in it; a line for each check. */
const [, , python = 'python3'] = process.argv
const server = await startLocalServer('nats')
const prefix = freshPrefix()
const program = fileURLToPath(new URL('foreign.py', import.meta.url))
await withShop(natsBroker({ ...SHORT, servers: server.url, prefix }), (shop) =>
  playPython('nats-py', shop, [python, program, server.url, prefix]),
)
await server.close()
