import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { freePort } from '@dure/testing/servers'
import { installPeers } from '../peers.ts'
import type { Measured } from './load.ts'

/** It has peers of its own, which it installs itself. */
export const peers = false

type Proxy = { readonly pid: number; readonly port: number; readonly stop: () => void }

const SECONDS = Number(process.env['DURE_BENCH_SECONDS'] ?? 4)
const ROUNDS = Number(process.env['DURE_BENCH_ROUNDS'] ?? 3)

/**
 * Requests that are passed on to one server over kept connections, 32 at once: by this gateway bare, and with an API key, a rate limit, a
 * breaker and an access log; by nginx, where it is installed; and by @fastify/http-proxy. Each proxy has the first core, load and server
 * have the second, where `taskset` is there. Each round asks all of them in turn, and the best of each counts.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  await installPeers(import.meta.dirname, progress)
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-gateway-'))
  const stops: (() => void)[] = []
  try {
    const upstream = await started('upstream.ts', [], 1)
    stops.push(upstream.stop)
    const proxies: Record<string, Proxy> = {}
    for (const name of ['bare', 'full', 'fastify_http_proxy'] as const)
      proxies[name] = await started('proxy.ts', [name, String(upstream.port), folder], 0)
    const nginx = await startNginx(folder, upstream.port)
    if (nginx === undefined) progress('nginx is not installed (Debian: apt-get install nginx-light): it is left out')
    else proxies['nginx'] = nginx
    stops.push(...Object.values(proxies).map(({ stop }) => stop))

    const best: Record<string, Measured & { readonly cpu: number }> = {}
    for (const [name, proxy] of Object.entries(proxies)) {
      progress(`warming ${name}`)
      await measure(proxy, 2)
    }
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, proxy] of Object.entries(proxies)) {
        progress(`round ${round + 1} of ${ROUNDS}: ${name}`)
        const measured = await measure(proxy, SECONDS)
        if (measured.rps > (best[name]?.rps ?? 0)) best[name] = measured
      }
    return resultOf(best, proxies)
  } finally {
    for (const stop of stops) stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function resultOf(best: Record<string, Measured & { readonly cpu: number }>, proxies: Record<string, Proxy>): BenchResult {
  const { bare, full, nginx, fastify_http_proxy: fastify } = best
  const beside =
    nginx === undefined
      ? {}
      : {
          ...{ bare_vs_nginx: bare!.rps / nginx.rps, full_vs_nginx: full!.rps / nginx.rps },
          ...{
            bare_cpu_vs_nginx: bare!.cpu / nginx.cpu,
            full_cpu_vs_nginx: full!.cpu / nginx.cpu,
            p99_vs_nginx: full!.p99 / nginx.p99,
          },
        }
  const figures = Object.entries(best).flatMap(([name, { rps, p99, cpu }]) => [
    [`${name}_requests_per_second`, rps] as const,
    [`${name}_p99_ms`, p99] as const,
    [`${name}_cpu_us`, cpu] as const,
    [`${name}_rss_mb`, memoryOf(proxies[name]!.pid)] as const,
  ])
  return { ratios: { ...beside, full_vs_fastify_http_proxy: full!.rps / fastify!.rps }, figures: Object.fromEntries(figures) }
}

/** A child on one core, if that can be. */
function started(program: string, args: readonly string[], core: number): Promise<Proxy> {
  const child = fork(join(import.meta.dirname, program), args, {
    execArgv: ['--conditions=dure-source'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  pin(child, core)
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`Cannot start ${program} ${args[0] ?? ''}: it ended with ${code}`)))
    child.once('message', (port) => resolve({ pid: child.pid!, port: Number(port), stop: () => void child.kill() }))
  })
}

function pin({ pid }: Pick<ChildProcess, 'pid'>, core: number): void {
  try {
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
  } catch {
    // A system without it measures as well, with more noise.
  }
}

async function startNginx(folder: string, upstream: number): Promise<Proxy | undefined> {
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
     events { worker_connections 1024; }
     http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       upstream u { server 127.0.0.1:${upstream}; keepalive 128; }
       server { listen 127.0.0.1:${port}; keepalive_requests 100000000;
         location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; } } }`,
  )
  const child = spawn('nginx', ['-c', file, '-p', folder], { stdio: 'ignore' })
  const failed = new Promise<undefined>((resolve) => {
    child.once('error', () => resolve(undefined))
    child.once('exit', () => resolve(undefined))
  })
  const up = (async (): Promise<Proxy> => {
    for (;;) {
      try {
        await fetch(`http://127.0.0.1:${port}/`)
        break
      } catch {
        await new Promise((resolve) => void setTimeout(resolve, 50))
      }
    }
    pin(child, 0)
    return { pid: child.pid!, port, stop: () => void child.kill() }
  })()
  return Promise.race([failed, up])
}

/** In microseconds of both kinds of CPU time a request, beside what the load has seen. */
async function measure({ pid, port }: Proxy, seconds: number): Promise<Measured & { readonly cpu: number }> {
  const before = cpuOf(pid)
  const measured = await new Promise<Measured>((resolve, reject) => {
    const load = fork(join(import.meta.dirname, 'load.ts'), [String(port), String(seconds)])
    pin(load, 1)
    load.once('message', (message) => resolve(message as Measured))
    load.once('exit', (code) => reject(new Error(`The load ended with ${code}`)))
  })
  return { ...measured, cpu: (cpuOf(pid) - before) / (measured.rps * seconds) }
}

/** Microseconds; clock ticks are hundredths of a second. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
}
