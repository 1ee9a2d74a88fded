import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Agent, createServer as createHttpServer, get } from 'node:http'
import { readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startRegistry } from '@dure/registry'
import { silentLogger } from 'dure/telemetry'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

/** A service that knows nothing of it. */
async function answering(t: Pick<TestContext, 'after'>): Promise<AddressInfo> {
  const server = createHttpServer((request, response) => void response.end(`it was ${request.url}`)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return server.address() as AddressInfo
}

/** A gateway that runs, and what it answers. */
async function gatewayOf(words: readonly string[]) {
  const running = spawned(['gateway', ...words], { cwd: import.meta.dirname })
  await running.until(/Gateway at /)
  const [, url] = /Gateway at ([^\s,]+)/.exec(running.all())!
  const ask = async (path: string): Promise<string> => (await fetch(url + path)).text()
  const stop = async (): Promise<void> => {
    running.child.kill('SIGTERM')
    assert.equal(await running.exit, 0)
  }
  return { running, ask, stop }
}

test('dure gateway: routes of a file, which change with it, whole or not at all', async (t) => {
  const service = await answering(t)
  const folder = temporary()
  const file = join(folder, 'gateway.json')
  const write = (path: string): void => {
    const upstreams = { one: { addresses: [`127.0.0.1:${service.port}`] } }
    writeFileSync(file, JSON.stringify({ routes: { one: { prefix: path, to: 'one' } }, upstreams }))
  }
  const here = { cwd: import.meta.dirname }
  write('a')
  const wrong = await dure(['gateway', '--config', file], here)
  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /gateway\.json:1: routes\.one\.prefix: its prefix "a" does not begin with "\/"/)
  write('/a')
  const accessLog = join(folder, 'access.log')
  const { running, ask, stop } = await gatewayOf(['--config', file, '--port', '0', '--access-log', accessLog])
  assert.equal(await ask('/a/1'), 'it was /a/1')
  write('nonsense')
  await running.until(/The routes are not taken/)
  assert.equal(await ask('/a/2'), 'it was /a/2')
  truncateSync(file, 100_000_000)
  await running.until(/it has 100000000 bytes; give 16777216 at most/)
  assert.equal(await ask('/a/2'), 'it was /a/2')
  write('/b')
  await running.until(/The routes have changed/)
  assert.equal(await ask('/b/3'), 'it was /b/3')
  await stop()
})

test('dure gateway: it has a small young generation, unless somebody has said how large it is to be', async () => {
  const file = join(temporary(), 'gateway.mjs')
  const told = 'console.error(`Options ${process.pid}: ${process.execArgv.filter((one) => one.includes("semi")).join(" ")}.`)'
  writeFileSync(file, `${told}\nexport const routes = { routes: {} }\n`)
  for (const [node, options] of [
    [[], '--max-semi-space-size=4'],
    [['--max-semi-space-size=16'], '--max-semi-space-size=16'],
  ] as const) {
    const running = spawned(['gateway', '--config', file, '--port', '0'], { cwd: import.meta.dirname, node })
    await running.until(/Gateway at /)
    assert.ok(running.err().includes(`Options ${running.child.pid}: ${options}.`), running.all())
    running.child.kill('SIGTERM')
    assert.equal(await running.exit, 0)
  }
})

test('dure gateway: a file of YAML, with filters, put in place of another', async (t) => {
  const service = await answering(t)
  const file = join(temporary(), 'gateway.yaml')
  const write = (strip: number): void => {
    const upstream = `127.0.0.1:${service.port}`
    const filters = `filters: [{ rewrite: { strip: ${strip} } }]`
    writeFileSync(
      `${file}~`,
      `upstreams: { one: { addresses: ["${upstream}"] } }\nroutes:\n  a:\n    prefix: /a\n    to: one\n    ${filters}\n`,
    )
    renameSync(`${file}~`, file)
  }
  const here = { cwd: import.meta.dirname }
  write(0)
  const wrong = await dure(['gateway', '--config', file], here)
  assert.equal(wrong.code, 2)
  assert.match(
    wrong.err,
    /gateway\.yaml:6: routes\.a\.filters\.0\.rewrite: Cannot rewrite paths: "strip" is 0; give a whole number from 1 to 100/,
  )
  write(1)
  const { running, ask, stop } = await gatewayOf(['--config', file, '--port', '0'])
  assert.equal(await ask('/a/b/c'), 'it was /b/c')
  write(2)
  await running.until(/The routes have changed/)
  assert.equal(await ask('/a/b/c'), 'it was /c')
  await stop()
})

test('dure gateway --ingress: documents of a file, which change with it', async (t) => {
  const service = await answering(t)
  const file = join(temporary(), 'ingress.yaml')
  const write = (path: string): void =>
    writeFileSync(
      file,
      `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, annotations: { x.test/rewrite: / } }
spec:
  rules: [{ http: { paths: [{ path: ${path}, pathType: Prefix, backend: { service: { name: orders, port: { number: 80 } } } }] } }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: orders-1, labels: { kubernetes.io/service-name: orders } }
addressType: IPv4
ports: [{ port: ${service.port} }]
endpoints: [{ addresses: [127.0.0.1] }]
`,
    )
  const here = { cwd: import.meta.dirname }
  write('/a')
  const { running, ask, stop } = await gatewayOf(['--ingress', file, '--port', '0'])
  await running.until(/annotation that is not understood/)
  assert.equal(await ask('/a/1'), 'it was /a/1')
  writeFileSync(file, 'kind: [')
  await running.until(/The routes are not taken/)
  assert.equal(await ask('/a/2'), 'it was /a/2')
  write('/b')
  await running.until(/The routes have changed/)
  assert.equal(await ask('/b/3'), 'it was /b/3')
  await stop()
  for (const words of [[], ['--ingress', file, '--config', file]])
    assert.match((await dure(['gateway', ...words], here)).err, /say where its routes are: --config FILE, or --ingress/)
})

test('dure gateway wait: until every instance has a version, told by address or found in the registry', async (t) => {
  const folder = temporary()
  const registry = await startRegistry({ directory: join(folder, 'registry'), port: 0, log: silentLogger() })
  t.after(() => registry.stop())
  const here = { cwd: import.meta.dirname }
  const files = ['one', 'two'].map((name) => join(folder, `${name}.yaml`))
  const write = (file: string, version: string): void =>
    writeFileSync(file, `version: ${version}\nupstreams: { x: { addresses: [] } }\nroutes: { x: { to: x } }\n`)
  for (const file of files) write(file, 'v1')
  const announced = ['--registry', registry.url, '--announce', 'edge']
  const running = files.map((file) =>
    spawned(['gateway', '--config', file, '--port', '0', '--operator', '0', ...announced], here),
  )
  for (const each of running) await each.until(/Gateway at /)
  const at = running.map((each) => /its operator address http:\/\/(\S+)/.exec(each.all())![1]!)
  const addressed = at.flatMap((each) => ['--at', each])
  const found = ['--registry', registry.url, '--name', 'edge']
  for (const how of [addressed, found]) {
    const { code, out, err } = await dure(['gateway', 'wait', 'v1', ...how], here)
    assert.deepEqual([code, out], [0, 'All 2 instances have version v1\n'], err)
  }
  // One has it, and one refuses what it is given.
  write(files[0]!, 'v2')
  writeFileSync(files[1]!, 'routes: 7')
  await running[1]!.until(/The routes are not taken/)
  const early = await dure(['gateway', 'wait', 'v2', '--timeout', '1', ...found], here)
  assert.equal(early.code, 1)
  assert.match(early.err, /Not every instance has version v2:\n {2}- .*/)
  assert.match(early.err, /it has v1; it refused another one: Cannot use .*two\.yaml:1: routes: "routes" is no object/)
  const waiting = dure(['gateway', 'wait', '--config', files[0]!, ...addressed], here)
  write(files[1]!, 'v2')
  assert.equal((await waiting).code, 0)
  running[1]!.child.kill('SIGTERM')
  assert.equal(await running[1]!.exit, 0)
  const gone = await dure(['gateway', 'wait', 'v2', '--timeout', '1', ...addressed], here)
  assert.match(gone.err, /it does not answer/)
  assert.equal((await dure(['gateway', 'wait', 'v2', ...found], here)).out, 'The instance has version v2\n')
  running[0]!.child.kill('SIGTERM')
  assert.equal(await running[0]!.exit, 0)
})

test('dure gateway import: routes of another gateway as a file, and what is not among them', async () => {
  const folder = temporary()
  linkLibrary(folder)
  const route = (id: string, filter: string): string =>
    `  - id: ${id}\n    uri: \${ORDERS:lb://orders}\n    predicates: ["Path=/${id}/**"]\n    filters: [${filter}]\n`
  writeFileSync(
    join(folder, 'application.yml'),
    `spring.cloud.gateway.routes:\n${route('a', 'StripPrefix=1')}${route('b', 'SaveSession')}`,
  )
  const here = { cwd: folder, env: { ORDERS: 'http://orders:81' } }
  const shown = await dure(['gateway', 'import', 'application.yml'], here)
  assert.equal(shown.code, 1)
  assert.match(shown.out, /^# Made of application\.yml[^]*\n {2}a:\n {4}prefix: \/a\n {4}to: orders:81\n/)
  assert.match(shown.err, /application\.yml:9: left out: route "b": its filter SaveSession[^]*One thing is left out/)
  const written = await dure(['gateway', 'import', 'application.yml', '--out', 'gateway.yaml', '--ignore', 'SaveSession'], here)
  assert.deepEqual([written.code, written.out], [0, ''])
  assert.match(readFileSync(join(folder, 'gateway.yaml'), 'utf8'), /prefix: \/b/)
  writeFileSync(join(folder, 'application.yml'), 'a: [')
  assert.equal((await dure(['gateway', 'import', 'application.yml'], here)).code, 2)
})

test('dure gateway --supervised: under load a fresh process takes the port over, and nobody gets an error; a killed one is started again', async (t) => {
  const server = createHttpServer((request, response) => void response.end(request.url)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const folder = temporary()
  linkLibrary(folder)
  const upstreams = { one: { addresses: [`127.0.0.1:${(server.address() as AddressInfo).port}`] } }
  writeFileSync(join(folder, 'gateway.json'), JSON.stringify({ routes: { one: { prefix: '/', to: 'one' } }, upstreams }))
  const words = ['gateway', '--config', 'gateway.json', '--port', '0', '--supervised']
  const running = spawned(words, { cwd: folder })
  await running.until(/Gateway at /)
  const [, url, pid] = /Gateway at (\S+), process (\d+)/.exec(running.all())!
  const worker = (): number => {
    const noted = readFileSync(join(folder, '.dure', `gateway-${pid}`, 'supervisor.json'), 'utf8')
    return (JSON.parse(noted) as { readonly processes: readonly { readonly pid: number }[] }).processes[0]!.pid
  }
  const ask = (path: string, agent: Agent | false): Promise<string> =>
    new Promise((resolve, reject) => {
      get(url + path, { agent }, async (answer) => {
        let text = ''
        for await (const part of answer) text += String(part)
        resolve(text)
      }).on('error', reject)
    })
  let [done, over] = [0, false]
  const load = Array.from({ length: 8 }, async (_, i) => {
    // Some keep their connection, some take a new one each time.
    const agent = i % 2 === 0 && new Agent({ keepAlive: true, maxSockets: 1 })
    while (!over) {
      const path = `/${done++}`
      assert.equal(await ask(path, agent), path)
    }
    if (agent) agent.destroy()
  })
  const first = worker()
  for (let round = 1; round <= 2; round++) {
    running.child.kill('SIGUSR2')
    await running.until(new RegExp(`(?:Process is replaced[^]*){${round}}`))
  }
  over = true
  await Promise.all(load)
  assert.ok(done > 100, `${done} requests`)
  assert.notEqual(worker(), first)
  process.kill(worker(), 'SIGKILL')
  await running.until(/it is started again/)
  // It waits until there is somebody.
  assert.equal(await ask('/after', false), '/after')
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
})
