/** Restate, whose state is in its own server's log: three steps that write a row each. */
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http2'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as restate from '@restatedev/restate-sdk'
import * as clients from '@restatedev/restate-sdk-clients'
import { Pool } from 'pg'
import { freePort } from '../free-port.ts'
import { contend } from './load.ts'

await contend(async ({ url, atOnce, folder }) => {
  const pool = new Pool({ connectionString: url, max: atOnce })
  const checkout = restate.service({
    name: 'Checkout',
    handlers: {
      run: async (ctx, name) => {
        for (const step of ['order', 'stock', 'pay'])
          await ctx.run(step, () => pool.query('INSERT INTO rows VALUES ($1, $2)', [name, step]).then(() => step))
        return name
      },
    },
  })
  const server = createServer(restate.createEndpointHandler({ services: [checkout] }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()]
  const program = createRequire(import.meta.resolve('@restatedev/restate-server/package.json')).resolve(
    `@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  )
  const config = join(folder, 'restate.toml')
  writeFileSync(
    config,
    `disable-telemetry = true
bind-address = "127.0.0.1:${node}"
advertised-address = "http://127.0.0.1:${node}"
[ingress]
bind-address = "127.0.0.1:${ingress}"
[admin]
bind-address = "127.0.0.1:${admin}"
`,
  )
  const child = spawn(program, ['--config-file', config, '--base-dir', join(folder, 'restate'), '--node-name', 'bench'], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, DO_NOT_TRACK: '1' },
  })
  process.on('exit', () => child.kill('SIGKILL'))
  const at = `http://127.0.0.1:${admin}`
  const body = JSON.stringify({ uri: `http://127.0.0.1:${server.address().port}` })
  const headers = { 'content-type': 'application/json' }
  for (;;) {
    if (child.exitCode !== null) throw new Error(`restate-server ended with code ${child.exitCode}`)
    const answer = await fetch(`${at}/deployments`, { method: 'POST', headers, body }).catch(() => undefined)
    if (answer?.ok) break
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const client = clients.connect({ url: `http://127.0.0.1:${ingress}` }).serviceClient(checkout)
  return (name) => client.run(name, clients.rpc.opts({ idempotencyKey: name }))
})
