/** Services of others behind one gateway: Spring's, which a Eureka registry knows, and files that Python serves. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startRegistry } from '@dure/registry'
import { freePort } from '@dure/testing/servers'
import { check } from '@dure/testing/foreign'
import { silentLogger } from 'dure/telemetry'
import { untilFor } from './patience.test-support.ts'
import { begin, beginGateway, end } from './processes.test-support.ts'

/** A machine may be slow: how long Spring takes is not what is looked at. */
const LONG = 240_000

async function spring(jar: string, registry: string): Promise<{ readonly child: ChildProcess; readonly port: string }> {
  const port = String(await freePort())
  const { child } = await begin(
    'java',
    [
      ...['-Xmx256m', '-XX:TieredStopAtLevel=1', '-jar', jar, 'app', '--server.address=127.0.0.1', `--server.port=${port}`],
      ...['--spring.main.banner-mode=off', '--eureka.client.jersey.enabled=false', '--spring.application.name=stock'],
      ...[`--eureka.client.service-url.defaultZone=${registry}`, '--eureka.instance.prefer-ip-address=true'],
      ...['--eureka.instance.ip-address=127.0.0.1', '--eureka.instance.lease-renewal-interval-in-seconds=1'],
      ...['--eureka.instance.lease-expiration-duration-in-seconds=3', '--eureka.client.registry-fetch-interval-seconds=1'],
    ],
    /Started \S+ in/,
  )
  return { child, port }
}

export async function askServices({ folder: whole, jar }: { readonly folder: string; readonly jar: string }): Promise<void> {
  const folder = join(whole, 'services')
  mkdirSync(join(folder, 'files'), { recursive: true })
  const big = randomBytes(20_000_000)
  writeFileSync(join(folder, 'files/big.bin'), big)
  writeFileSync(join(folder, 'files/hello.txt'), 'hello from python')
  const registry = await startRegistry({ directory: join(folder, 'registry'), port: 0, log: silentLogger() })
  try {
    const python = await begin('python3', ['-u', '-m', 'http.server', '0', '--bind', '127.0.0.1'], /port (\d+)/, { cwd: folder })
    const apps = await Promise.all([spring(jar, registry.url), spring(jar, registry.url)])
    const log = join(folder, 'access.log')
    const { url, child } = await beginGateway(
      folder,
      {
        routes: { stock: { prefix: '/stock', to: 'stock' }, files: { prefix: '/files', to: 'python' } },
        upstreams: { python: { addresses: [`127.0.0.1:${python.found[1]}`] } },
      },
      ['--registry', registry.url, '--access-log', log],
    )
    const by = async (): Promise<string> => {
      const answer = await fetch(`${url}/stock/tea?places=a,b`)
      return answer.status === 200 ? ((await answer.json()) as { readonly by: string }).by : ''
    }
    await check('two applications of Spring that Eureka knows, and Python, behind one gateway', async () => {
      const seen = new Set<string>()
      await untilFor(LONG, async () => {
        seen.add(await by())
        return apps.every(({ port }) => seen.has(port))
      })
      const headers = { 'content-type': 'application/json' }
      const reserve = (count: number): Promise<Response> =>
        fetch(`${url}/stock/tea/reservations`, { method: 'POST', headers, body: JSON.stringify({ count }) })
      assert.deepEqual([(await reserve(2)).status, (await reserve(4)).status], [201, 409])
      assert.equal(await (await fetch(`${url}/files/hello.txt`)).text(), 'hello from python')
      const answer = await fetch(`${url}/files/big.bin`)
      const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
      assert.equal(hash(await answer.bytes()), hash(big))
      assert.equal((await fetch(`${url}/files/hello.txt`, { method: 'HEAD' })).headers.get('content-length'), '17')
      assert.equal((await fetch(`${url}/files/none`)).status, 404)
      assert.equal((await fetch(`${url}/files/hello.txt`, { method: 'POST', body: 'x' })).status, 501)
      const since = new Date(Date.now() + 60_000).toUTCString()
      assert.equal((await fetch(`${url}/files/hello.txt`, { headers: { 'if-modified-since': since } })).status, 304)
    })
    await check(
      'one of two applications of Spring is killed under load, and no request that it had not begun to answer fails',
      async () => {
        let [over, done, cut] = [false, 0, 0]
        const wrong: string[] = []
        const load = Array.from({ length: 8 }, async () => {
          while (!over) {
            done++
            const answer = await fetch(`${url}/stock/tea?places=a,b`).catch((error: unknown) => error as Error)
            if (answer instanceof Error) wrong.push(String(answer.cause ?? answer))
            else if (answer.status !== 200) wrong.push(`${answer.status} ${await answer.text()}`)
            // What had begun when it was killed cannot be asked for again.
            else await answer.json().catch(() => cut++)
          }
        })
        const [first, second] = apps as [(typeof apps)[number], (typeof apps)[number]]
        await untilFor(LONG, async () => done > 200)
        await end(first.child, 'SIGKILL')
        const before = done
        // Past the end of its lease.
        const expired = Date.now() + 5_000
        await untilFor(LONG, async () => done > before + 500 && Date.now() > expired)
        over = true
        await Promise.all(load)
        assert.deepEqual(wrong, [])
        assert.equal(await by(), second.port)
        console.log(`  ${done} requests, 0 failed, ${cut} cut in the midst of their answer`)
        assert.ok(cut <= load.length)
      },
    )
    await end(child)
    await check('the access log says who answered', async () => {
      const lines = readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
      assert.ok(lines.some(({ route, upstream }) => route === 'files' && upstream === `127.0.0.1:${python.found[1]}`))
      for (const { port } of apps) assert.ok(lines.some(({ upstream }) => upstream === `127.0.0.1:${port}`))
    })
  } finally {
    await registry.stop()
  }
}
