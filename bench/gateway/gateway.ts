import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { freePort } from '@dure/testing/servers'
import { installPeers } from '../peers.ts'
import { hasWrk, measure, type Measured } from './measure.ts'
import { nginxServer, nginxTls, others } from './others.ts'
import { BESIDE, MEASURED, memoryOf, ours, runs, type Program } from './processes.ts'

/** It has peers of its own, which it installs itself. */
export const peers = false

const SECONDS = Number(process.env['DURE_BENCH_SECONDS'] ?? 4)
const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 3)
/** Requests after which the memory of the full gateway is read for the last time. */
const MILLIONS = Number(process.env['DURE_BENCH_MILLIONS'] ?? 2)
/** With which `dure gateway` starts Node (`packages/tools/cli/bin/dure.js`). */
const AS_STARTED = ['--max-semi-space-size=4']
/** Java compiles what it has done often. */
const WARM: Readonly<Record<string, number>> = { spring_cloud_gateway: 20 }

type Best = Record<string, Measured>
type Progress = BenchContext['progress']

/**
 * Requests that are passed on to one server over kept connections, 32 at once: by this gateway bare, and with an API key, a rate limit, a
 * breaker and an access log; by nginx, HAProxy, Envoy and Spring Cloud Gateway, where they can be had, and by @fastify/http-proxy. Each
 * proxy has the first core, load and server have the second, where `taskset` is there. Each round asks all of them in turn, and of each
 * the best of all rounds counts: most requests, least CPU, shortest tail. Then answers of 16 KiB; 5,000 routes, of which 50 change each
 * second; and the memory of the full gateway over millions of requests. The full gateway is asked over TLS as well, beside nginx; and
 * both beside programs that pass bytes on and look at nothing (`node_floor`), which is the least that Node can do it for.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  await installPeers(import.meta.dirname, progress)
  if (!hasWrk)
    progress('wrk is not installed (Debian: apt-get install wrk): a program of ours asks, which takes more of the second core')
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-gateway-'))
  const running: Program[] = []
  const open = async <P extends Program | undefined>(starting: Promise<P>): Promise<P> => {
    const program = await starting
    if (program !== undefined) running.push(program)
    return program
  }
  try {
    const upstream = (await open(nginxServer(folder, await freePort(), BESIDE))) ?? (await open(ours('upstream.ts', [], BESIDE)))
    const proxies: Record<string, Program> = {}
    const start = (file: string, kind: string, flags: readonly string[]): Promise<Program> =>
      open(ours(file, [kind, String(upstream.port), folder], MEASURED, flags))
    const own = (kind: string): Promise<Program> => start('proxy.ts', kind, AS_STARTED)
    for (const kind of ['bare', 'full']) proxies[kind] = await own(kind)
    proxies['node_floor'] = await start('floor.ts', 'node_floor', AS_STARTED)
    proxies['fastify_http_proxy'] = await start('proxy.ts', 'fastify_http_proxy', [])
    for (const [name, { start: begin, missing }] of Object.entries(others)) {
      const program = await open(begin(folder, upstream.port, progress))
      if (program === undefined) progress(`${name} is not installed (${missing}): it is left out`)
      else proxies[name] = program
    }
    const certificate = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') }
    if (hasWrk && certify(certificate)) {
      proxies['tls_full'] = { ...(await own('tls_full')), secure: true }
      proxies['node_tls_floor'] = { ...(await start('floor.ts', 'node_tls_floor', AS_STARTED)), secure: true }
      const program = await open(nginxTls(folder, upstream.port, certificate))
      if (program !== undefined) proxies['nginx_tls'] = program
    } else progress('TLS is left out: it takes wrk and openssl')
    const best = await inTurn(proxies, progress)
    const { bare, nginx } = proxies
    const large = await inTurn(nginx === undefined ? { bare: bare! } : { bare: bare!, nginx }, progress, '/orders/large')
    const memory = await memoryOver(proxies['full']!, progress)
    const many = await own('many')
    const drop = await churn(many, progress)
    return resultOf({ best, large, memory, drop, proxies })
  } finally {
    for (const { stop } of running) stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One certificate for all, on the curve that most have; false without openssl. */
function certify({ certificateFile, keyFile }: { readonly certificateFile: string; readonly keyFile: string }): boolean {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  return runs('openssl', ['req', '-x509', ...key, '-out', certificateFile, '-subj', '/CN=shop.example'])
}

/** Each of them in turn, and that several times; the best of each counts. */
async function inTurn(proxies: Readonly<Record<string, Program>>, progress: Progress, path?: string): Promise<Best> {
  const best: Best = {}
  for (const [name, proxy] of Object.entries(proxies)) {
    progress(`warming ${name}`)
    await measure(proxy, WARM[name] ?? 2, path)
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, proxy] of Object.entries(proxies)) {
      progress(`round ${round + 1} of ${ROUNDS}: ${name}`)
      const { rps, p99, cpu } = await measure(proxy, SECONDS, path)
      const before = best[name] ?? { rps, p99, cpu }
      best[name] = { rps: Math.max(rps, before.rps), p99: Math.min(p99, before.p99), cpu: Math.min(cpu, before.cpu) }
    }
  return best
}

/** Megabytes, read again and again on the way to so many millions of requests. */
async function memoryOver(full: Program, progress: Progress): Promise<readonly number[]> {
  const read: number[] = []
  for (let asked = 0; asked < MILLIONS * 1_000_000;) {
    progress(`memory after ${(asked / 1_000_000).toFixed(1)} of ${MILLIONS} million requests`)
    const { rps } = await measure(full, SECONDS)
    asked += rps * SECONDS
    read.push(Math.round(memoryOf(full.pid)))
  }
  return read
}

/** What part of its requests the gateway loses while routes change that are not asked for. */
async function churn(many: Program, progress: Progress): Promise<number> {
  await measure(many, 2)
  let [still, changing] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    progress(`round ${round + 1} of ${ROUNDS}: routes that change`)
    still = Math.max(still, (await measure(many, SECONDS)).rps)
    many.tell('change')
    changing = Math.max(changing, (await measure(many, SECONDS)).rps)
    many.tell('stop')
  }
  return 1 - changing / still
}

function resultOf(measured: {
  readonly best: Best
  readonly large: Best
  readonly memory: readonly number[]
  readonly drop: number
  readonly proxies: Readonly<Record<string, Program>>
}): BenchResult {
  const { best, large, memory, drop, proxies } = measured
  const { bare, full, nginx } = best
  const ratios: Record<string, number> = { churn_drop: drop }
  if (nginx !== undefined) {
    ratios['bare_vs_nginx'] = bare!.rps / nginx.rps
    ratios['full_vs_nginx'] = full!.rps / nginx.rps
    ratios['bare_cpu_vs_nginx'] = bare!.cpu / nginx.cpu
    ratios['full_cpu_vs_nginx'] = full!.cpu / nginx.cpu
    ratios['p99_vs_nginx'] = full!.p99 / nginx.p99
    ratios['body16k_vs_nginx'] = large['bare']!.rps / large['nginx']!.rps
  }
  ratios['bare_vs_node_floor'] = bare!.rps / best['node_floor']!.rps
  ratios['bare_cpu_vs_node_floor'] = bare!.cpu / best['node_floor']!.cpu
  const [tls, tlsFloor] = [best['nginx_tls'], best['node_tls_floor']]
  if (tlsFloor !== undefined) {
    ratios['tls_vs_node_tls'] = best['tls_full']!.rps / tlsFloor.rps
    ratios['tls_cpu_vs_node_tls'] = best['tls_full']!.cpu / tlsFloor.cpu
  }
  if (tls !== undefined) {
    ratios['tls_full_vs_nginx_tls'] = best['tls_full']!.rps / tls.rps
    ratios['tls_full_cpu_vs_nginx_tls'] = best['tls_full']!.cpu / tls.cpu
  }
  const beside = {
    haproxy: 'haproxy',
    envoy: 'envoy_bare',
    spring_cloud_gateway: 'spring_cloud_gateway',
    fastify_http_proxy: 'fastify_http_proxy',
  }
  for (const [name, shown] of Object.entries(beside))
    if (best[name] !== undefined) ratios[`full_vs_${shown}`] = full!.rps / best[name].rps
  const figures: Record<string, number | readonly number[]> = { rss_mb: memory.at(-1)!, rss_mb_over_time: memory }
  for (const [name, { rps, p99, cpu }] of Object.entries(best)) {
    figures[`${name}_requests_per_second`] = rps
    figures[`${name}_p99_ms`] = p99
    figures[`${name}_cpu_us`] = cpu
    figures[`${name}_rss_mb`] = memoryOf(proxies[name]!.pid)
  }
  for (const [name, { rps, cpu }] of Object.entries(large)) {
    figures[`${name}_16k_requests_per_second`] = rps
    figures[`${name}_16k_cpu_us`] = cpu
  }
  return { ratios, figures }
}
