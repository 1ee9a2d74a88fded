import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import type { Round } from './caller.ts'

const ROUNDS = 5
const CONTENDERS = [
  'echo',
  'remote',
  'guarded',
  'unix',
  'thread',
  'moleculer',
  'nest',
  'grpc',
  'stream',
  'grpc_stream',
  'effect',
  'watt',
] as const

/**
 * The same call between two processes: ours over TCP and a Unix socket (and that between two threads of one), MessagePack over the same sockets without
 * anything around it, and what people use now. Each caller is a process of its own: what one library does to promises or
 * streams of its process would otherwise be measured in all others.
 */
export async function benchRemote({ progress }: BenchContext): Promise<BenchResult> {
  const callers = new Map<string, ChildProcess>()
  try {
    for (const name of CONTENDERS) {
      const child = fork(join(import.meta.dirname, 'caller.ts'), [name], { execArgv: ['--conditions=dure-source'] })
      callers.set(name, child)
      await answerOf(child, name)
    }
    const rates: Record<string, number> = {}
    const times: Record<string, number> = {}
    // Rounds are interleaved, and the best of each counts: other work on the machine only ever slows down.
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [name, child] of callers) {
        progress(`round ${round} of ${ROUNDS}, two processes: ${name}`)
        child.send('round')
        const { perSecond, us } = (await answerOf(child, name)) as Round
        rates[name] = Math.max(rates[name] ?? 0, perSecond)
        times[name] = Math.min(times[name] ?? Number.POSITIVE_INFINITY, us)
      }
    }
    const figures: Record<string, number> = {}
    for (const name of CONTENDERS) {
      figures[`${name}_per_second`] = rates[name]!
      figures[`${name}_us`] = times[name]!
    }
    const over = (name: string): number => rates['remote']! / rates[name]!
    return {
      ratios: {
        remote_vs_echo: over('echo'),
        // With a breaker around each call, over TCP both.
        guarded_vs_remote: 1 / over('guarded'),
        remote_vs_nest: over('nest'),
        remote_vs_moleculer: over('moleculer'),
        remote_vs_grpc: over('grpc'),
        // Values of one stream, over TCP both.
        stream_vs_grpc: rates['stream']! / rates['grpc_stream']!,
        // Over a Unix socket both.
        remote_vs_effect: rates['unix']! / rates['effect']!,
        remote_vs_watt: over('watt'),
        // Between two threads of one process both.
        thread_vs_watt: rates['thread']! / rates['watt']!,
      },
      figures,
    }
  } finally {
    for (const child of callers.values()) if (child.connected) child.disconnect()
  }
}

async function answerOf(child: ChildProcess, name: string): Promise<unknown> {
  const ended = new AbortController()
  const gone = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`Cannot measure "${name}": its process ended with code ${code as number}`)
  })
  gone.catch(() => {})
  try {
    return (await Promise.race([once(child, 'message', { signal: ended.signal }), gone]))[0]
  } finally {
    ended.abort()
  }
}
