import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { realRuntime } from 'dure/runtime'
import fc from 'fast-check'
import { guestFiles } from './guest.ts'
import { askQemu } from './qmp.ts'
import { buildVmDisk, cloudInitSeed } from './vm.ts'

test('a seed says the environment to root alone, a file for each variable, whatever stands in it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), fc.string({ unit: 'binary' })), (environment) => {
      const { 'user-data': text } = cloudInitSeed({ name: 'shop-1', environment })
      const [head, ...rest] = text.split('\n')
      assert.equal(head, '#cloud-config')
      const { write_files: files } = JSON.parse(rest.join('\n')) as {
        readonly write_files: readonly { readonly path: string; readonly content: string; readonly permissions: string }[]
      }
      assert.ok(files.every(({ permissions }) => permissions === '0600'))
      const read = files.map(({ path, content }) => [path.split('/').at(-1)!, Buffer.from(content, 'base64').toString()])
      assert.deepEqual(Object.fromEntries(read), { ...environment })
    }),
  )
})

test('a machine is told anew when it is told something else, and who it is', () => {
  const of = (GREETING: string) =>
    JSON.parse(cloudInitSeed({ name: 'shop-1', environment: { GREETING } })['meta-data']) as Record<string, string>
  assert.deepEqual(of('a'), of('a'))
  assert.notEqual(of('a')['instance-id'], of('b')['instance-id'])
  assert.equal(of('a')['local-hostname'], 'shop-1')
})

test('the guest runs the words of the image by units of its own, and keeps its data on a disk of its own', () => {
  const how = { Entrypoint: ['/usr/bin/node', 'a.js'], Cmd: ['start'], Env: ['A=1=2', 'DURE_DATA=/data'], WorkingDir: '/app' }
  const { files, links } = guestFiles(how, { door: 'edge', memory: 256 })
  const unit = files['etc/systemd/system/dure.service']!
  for (const line of [
    ...['ExecStart="/usr/bin/node" "a.js" "start"', 'WorkingDirectory=/app', 'Environment="A=1=2"', 'MemoryMax=256M'],
    ...['Environment="DURE_DATA=/var/lib/dure"', 'LoadCredential=env:/etc/dure/environment', 'Sockets=dure-edge.socket'],
    'RequiresMountsFor=/var/lib/private/dure',
  ])
    assert.ok(unit.split('\n').includes(line), line)
  assert.doesNotMatch(unit, /DURE_DATA=\/data/)
  assert.match(files['etc/systemd/system/dure-edge.socket']!, /^ListenStream=0\.0\.0\.0:8080$/m)
  assert.equal(links['etc/systemd/system/sockets.target.wants/dure-edge.socket'], '/etc/systemd/system/dure-edge.socket')
})

test('QEMU is asked in its own protocol; what it refuses, or does not answer, is said', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-qmp-'))
  const heard: string[] = []
  const server = createServer((socket) => {
    socket.write('{"QMP": {"version": {}, "capabilities": []}}\n')
    createInterface(socket).on('line', (line) => {
      const { execute } = JSON.parse(line) as { readonly execute: string }
      heard.push(execute)
      // An event may come before the answer.
      socket.write('{"event": "POWERDOWN"}\n')
      socket.write(
        execute === 'nonsense' ? '{"error": {"class": "CommandNotFound", "desc": "no such command"}}\n' : '{"return": {}}\n',
      )
    })
  })
  const socket = join(folder, 'qmp')
  await new Promise<void>((resolve) => void server.listen(socket, resolve))
  t.after(() => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const { timers } = realRuntime()
  await askQemu(socket, 'system_powerdown', timers)
  assert.deepEqual(heard, ['qmp_capabilities', 'system_powerdown'])
  await assert.rejects(askQemu(socket, 'nonsense', timers), /refused "nonsense": no such command/)
  await assert.rejects(askQemu(join(folder, 'nobody'), 'quit', timers), { code: 'ENOENT' })
})

test('a disk is made of what is there', async () => {
  const asked = { base: '/nowhere', layout: '/nowhere', folder: '/nowhere/disk' }
  await assert.rejects(buildVmDisk(asked), { code: 'PROJECT', message: /make it with debianBase/ })
})
