/**
 * `npm run peers -- threads`: autocannon calls a system in threads from outside, while one of them is blocked for 6 s, and the
 * kernel's own list of threads says who does what. Its word is the folder that autocannon is in.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { command, contract, query } from 'dure/contract'
import { service, system, type Door, type System } from 'dure/service'
import { z } from 'zod'

const Grinder = contract('grinder', {
  version: '1.0.0',
  owner: 'tests',
  operations: { grind: command({ input: z.object({ ms: z.int() }), deadline: 60_000 }) },
})
const Greeter = contract('greeter', {
  version: '1.0.0',
  owner: 'tests',
  operations: { greet: query({ output: z.object({ text: z.string() }) }) },
})

/** `/greet` asks the one, `/grind` blocks the other. */
const door: Door = {
  name: 'http',
  open: async (host) => {
    const [greeter, grinder] = [host.client(Greeter), host.client(Grinder)]
    const server = createServer((request, response) => {
      const answer: Promise<unknown> = request.url === '/greet' ? greeter.greet() : grinder.grind({ ms: 6_000 })
      answer.then(
        (value) => response.end(JSON.stringify(value ?? null)),
        (error: Error) => response.writeHead(503).end(error.message),
      )
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}`,
      close: async () => {
        server.close()
        server.closeAllConnections()
      },
    }
  },
}

/** The system that is judged, for the command line. */
export const mill: System = system('mill', {
  services: [
    service(Grinder, {
      handlers: {
        grind: ({ ms }, { clock }) => {
          for (const until = clock.monotonic() + ms; clock.monotonic() < until;);
        },
      },
    }),
    service(Greeter, { handlers: { greet: () => ({ text: 'Hello' }) } }),
  ],
  security: 'off',
  doors: [door],
})

const FILE = fileURLToPath(import.meta.url)
const BIN = fileURLToPath(new URL('../bin/dure.js', import.meta.url))

type Shot = {
  readonly '2xx': number
  readonly non2xx: number
  readonly errors: number
  readonly timeouts: number
  readonly latency: { readonly p99: number }
}

async function autocannon(folder: string, url: string, seconds: number): Promise<Shot> {
  const program = join(folder, 'node_modules/autocannon/autocannon.js')
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    '-j',
    '-c',
    '4',
    '-d',
    String(seconds),
    `${url}/greet`,
  ])
  return JSON.parse(stdout) as Shot
}

/** Threads of a process by name, with what each has used of a processor: proc(5), in hundredths of a second. */
function threadsOf(pid: number): ReadonlyMap<string, number> {
  return new Map(
    readdirSync(`/proc/${pid}/task`).map((id) => {
      const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return [stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')), Number(fields[11]) + Number(fields[12])]
    }),
  )
}

let well = true
function check(holds: boolean, text: string): void {
  console.log(`${holds ? '✔' : '✖'} ${text}`)
  well &&= holds
}

async function judge(folder: string): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'dure-threads-'))
  const running = spawn(process.execPath, [BIN, 'start', FILE, '--threads', '--log', 'pretty', '--data', data], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(running, 'close') as Promise<[code: number | null]>
  try {
    let said = ''
    for await (const text of running.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      said += text as string
      if (said.includes('To replace all')) break
    }
    running.stdout.resume()
    const [url] = /http:\/\/[\d.:]+/.exec(said) ?? []
    if (url === undefined) throw new Error(`The system did not start: ${said}`)
    const pid = running.pid!
    const names = ['broker', 'grinder', 'greeter']
    const before = threadsOf(pid)
    check(
      names.every((name) => before.has(name)),
      `/proc/${pid}/task: ${names.join(', ')} are threads of one process`,
    )
    const calm = await autocannon(folder, url, 4)
    const used = threadsOf(pid)
    const shooting = autocannon(folder, url, 6)
    const grinding = fetch(`${url}/grind`)
    const [blocked] = await Promise.all([shooting, grinding.then((answer) => answer.body?.cancel()).catch(() => {})])
    const ground = (threadsOf(pid).get('grinder') ?? 0) - (used.get('grinder') ?? 0)
    check(ground > 10, `/proc: the thread "grinder" was blocked: it used ${ground / 100} s of a processor meanwhile`)
    check(
      blocked.non2xx === 0 && blocked.errors === 0 && blocked.timeouts === 0 && blocked['2xx'] > 0,
      `autocannon: ${blocked['2xx']} calls to its neighbour meanwhile, all of them 2xx; p99 ${blocked.latency.p99} ms (${calm.latency.p99} ms before)`,
    )
    running.kill('SIGTERM')
    const [code] = await ended
    check(code === 0, 'SIGTERM: the process ends, and all its threads')
  } finally {
    running.kill('SIGKILL')
    await ended
    rmSync(data, { recursive: true, force: true })
  }
}

if (process.argv[1] === FILE) {
  await judge(process.argv[2]!)
  process.exitCode = well ? 0 : 1
}
