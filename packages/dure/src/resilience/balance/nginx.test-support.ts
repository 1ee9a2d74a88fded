/** What nginx does with the same weights, and with keys: one line a check. Its place is the argument. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { realRuntime, seededRandom } from '../../runtime/runtime.ts'
import { consistentHash, weightedRoundRobin } from '../resilience.ts'

const [program = 'nginx'] = process.argv.slice(2)
const directory = mkdtempSync(join(tmpdir(), 'dure-nginx-'))
const random = seededRandom(20)
const { timers } = realRuntime()
const SERVERS = 10
const KEYS = 2_000

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

/** Weights of the servers, undefined for one that is down. */
type Weights = readonly (number | undefined)[]
const fixed: readonly Weights[] = [[5, 1, 1], [1, 1, 1, 1], [7], [3, undefined, 2], [20, 1], [undefined, 4, 4, 1]]
const drawn = Array.from({ length: 20 }, (): Weights => {
  const weights = Array.from({ length: 2 + random.integer(7) }, () =>
    random.integer(8) === 0 ? undefined : 1 + random.integer(9),
  )
  return [1 + random.integer(5), ...weights]
})
const weighted: readonly Weights[] = [...fixed, ...drawn]

const ports = await freePorts(SERVERS + 1)
const [front, ...backs] = ports as [number, ...number[]]
const lineOf = (weight: number | undefined, i: number): string =>
  `server 127.0.0.1:${backs[i]} ${weight === undefined ? 'down' : `weight=${weight}`};`
const upstreams = [
  ...weighted.map((weights, i) => [`weighted${i}`, weights.map(lineOf).join(' ')]),
  ...['all', 'less'].map((name) => [
    name,
    `hash $arg_key consistent; ${backs
      .slice(name === 'less' ? 1 : 0)
      .map((port) => `server 127.0.0.1:${port};`)
      .join(' ')}`,
  ]),
]
writeFileSync(
  join(directory, 'nginx.conf'),
  `daemon off; master_process off; worker_processes 1; pid ${directory}/pid; error_log stderr crit;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 1000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  ${upstreams.map(([name, servers]) => `upstream ${name} { ${servers} }`).join('\n  ')}
  ${backs.map((port, i) => `server { listen 127.0.0.1:${port}; location / { return 200 "${i}"; } }`).join('\n  ')}
  server { listen 127.0.0.1:${front};
    ${upstreams.map(([name]) => `location /${name} { proxy_pass http://${name}; }`).join('\n    ')}
  }
}
`,
)
const nginx = spawn(program, ['-p', directory, '-c', 'nginx.conf'], { stdio: ['ignore', 'ignore', 'inherit'] })
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

async function ask(path: string): Promise<number> {
  const request = get({ agent, host: '127.0.0.1', port: front, path })
  const [response] = (await once(request, 'response')) as [Parameters<typeof text>[0] & { readonly statusCode: number }]
  const said = await text(response)
  if (response.statusCode !== 200) throw new Error(`nginx answered ${response.statusCode} to ${path}: ${said.slice(0, 200)}`)
  return Number(said)
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const free = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return free
}

async function answers(): Promise<void> {
  // Of one server: what is asked here takes no turn of those that are compared.
  for (let i = 0; ; i++) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}`)
    try {
      return void (await ask('/weighted2'))
    } catch (error) {
      if (i === 300) throw error
      await timers.sleep(100)
    }
  }
}

type Server = { readonly name: string; readonly weight: number; readonly pending: () => number }
const serversOf = (weights: Weights): readonly Server[] =>
  weights.map((weight, i) => ({ name: String(i), weight: weight ?? 0, pending: () => 0 }))

/** How many keys each has. */
const evenness = (owners: readonly number[]): string => {
  const counts = Map.groupBy(owners, (owner) => owner)
  const sizes = [...counts.values()].map(({ length }) => length)
  return `${Math.min(...sizes)} to ${Math.max(...sizes)} keys each`
}

try {
  await answers()
  await check('smooth weighted round robin, pick by pick', async () => {
    let picks = 0
    for (const [i, weights] of weighted.entries()) {
      const servers = serversOf(weights)
      const balancer = weightedRoundRobin<Server>({ weight: ({ weight }) => weight })
      const rounds = 2 * servers.reduce((sum, { weight }) => sum + weight, 0) + 1
      const [ours, theirs]: [number[], number[]] = [[], []]
      for (let pick = 0; pick < rounds; pick++) {
        ours.push(Number(balancer.choose(servers)!.name))
        theirs.push(await ask(`/weighted${i}`))
      }
      assert.deepEqual(ours, theirs, `weights ${weights.join(' ')}`)
      picks += rounds
    }
    return `the same server ${picks} times of ${picks}, with ${weighted.length} sets of weights, some servers down`
  })
  await check('keys that move when one of ten servers goes', async () => {
    const servers = serversOf(backs.map(() => 1))
    const balancer = consistentHash<Server>({ name: ({ name }) => name, random, load: Number.POSITIVE_INFINITY })
    const moved = { ours: 0, theirs: 0, needlessly: 0 }
    const [ours, theirs]: [number[], number[]] = [[], []]
    for (let i = 0; i < KEYS; i++) {
      const key = `cart-${i}`
      const own = Number(balancer.choose(servers, key)!.name)
      const ownLater = Number(balancer.choose(servers.slice(1), key)!.name)
      const [nginx, nginxLater] = [await ask(`/all?key=${key}`), await ask(`/less?key=${key}`)]
      if (own !== ownLater) moved.ours++
      if (own !== ownLater && own !== 0) moved.needlessly++
      if (nginx !== nginxLater) moved.theirs++
      ours.push(own)
      theirs.push(nginx)
    }
    assert.equal(moved.needlessly, 0)
    const most = KEYS / SERVERS + 4 * Math.sqrt(KEYS / SERVERS)
    assert.ok(moved.ours <= most, `${moved.ours} of ours moved`)
    return (
      `${moved.ours} of ${KEYS} by rendezvous (${evenness(ours)}), ` +
      `${moved.theirs} by nginx' hash … consistent (${evenness(theirs)}); of ours none needlessly`
    )
  })
} finally {
  agent.destroy()
  nginx.kill('SIGKILL')
  if (nginx.exitCode === null && nginx.signalCode === null) await once(nginx, 'exit')
  rmSync(directory, { recursive: true, force: true })
}
if (failed) process.exitCode = 1
