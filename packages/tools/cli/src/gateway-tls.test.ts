import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { dure, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

// In the words by which the test runner says loudly what was not run.
const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'needs server: openssl'

test('dure gateway: certificates beside its file, by which it speaks TLS, and asks services over it', { skip }, async (t) => {
  const folder = temporary()
  const made = (name: string): { readonly cert: string; readonly key: string } => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(folder, `${name}.key`)]
    const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync('openssl', ['req', '-x509', ...key, '-out', join(folder, `${name}.crt`), ...names], { stdio: 'ignore' })
    const [cert, own] = [readFileSync(join(folder, `${name}.crt`), 'utf8'), readFileSync(join(folder, `${name}.key`), 'utf8')]
    return { cert, key: own }
  }
  const [own, service] = [made('gateway'), made('service')]
  const server = createServer(service, (request, response) => void response.end(`it was ${request.url}`)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const file = join(folder, 'gateway.json')
  const write = (caFile: string, keyFile = 'gateway.key'): void => {
    const upstreams = { one: { addresses: [address], tls: { caFile } } }
    const tls = { certificates: [{ certificateFile: 'gateway.crt', keyFile }] }
    writeFileSync(file, JSON.stringify({ routes: { one: { prefix: '/', to: 'one' } }, upstreams, tls }))
  }
  const here = { cwd: import.meta.dirname }
  write('service.crt', 'service.key')
  const wrong = await dure(['gateway', '--config', file], here)
  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /Cannot use the certificates: The certificate of ".*gateway\.crt" has a key that does not belong to it/)
  write('service.crt')
  const running = spawned(['gateway', '--config', file, '--port', '0'], here)
  await running.until(/Gateway at \S+\n/)
  const url = /Gateway at (https:\S+)/.exec(running.all())![1]!
  const ask = async (path: string): Promise<string> => {
    const asked = get(url + path, { ca: own.cert, agent: false })
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    return text(answer)
  }
  assert.equal(await ask('/a'), 'it was /a')
  write('gateway.key')
  await running.until(/its authority for TLS cannot be read/)
  assert.equal(await ask('/b'), 'it was /b')
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
})
