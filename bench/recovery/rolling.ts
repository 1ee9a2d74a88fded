import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalServer } from '@dure/postgres/server'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { callers, type Seen } from './callers.ts'
import { withProcesses, type Split } from './processes.ts'
import { DATABASE, Mail, NARROWS, NewOrders, Orders, release, shop } from './shop.ts'

/** What a rolling replacement came to. */
export type Rolled = Counted & {
  /** Seconds for which copies of both releases stood side by side. */
  readonly seconds: number
  readonly calls: number
  readonly failed: Readonly<Record<string, number>>
  /** Milliseconds of the longest call. */
  readonly longest: number
  /** Answers of the operation that only the new release has, by copies of the old one. */
  readonly strangers: number
  readonly deadLetters: number
  /** Why the release that may not stand beside the old one was refused, in the words of its process; undefined when it was not. */
  readonly refused: string | undefined
}

export type Counted = {
  readonly events: number
  readonly handled: number
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
}

/** What each of the groups of callers does: milliseconds between two calls of one of them, so that it is a load and not a flood. */
const [LANES, REST] = [6, 20]

/**
 * Two copies of each service, replaced one by one under load by those of a release with one more column, optional field, operation
 * and event: for so many seconds both stand side by side. In that time a release is tried that may not stand there.
 */
export function roll(server: LocalServer, seconds: number): Promise<Rolled> {
  const url = server.url()
  return withProcesses(
    { system: shop('old', url), program: 'shop.ts', copies: { orders: 2, mail: 2 }, env: { [DATABASE]: url } },
    async (split) => {
      const { caller, directory, supervisor, pidsOf } = split
      /** The orders that were placed, and those of them with a note. */
      const [placed, noted] = [[] as string[], [] as string[]]
      const orders = caller.client(Orders)
      const plain = callers(
        LANES,
        async () => {
          const id = `plain-${crypto.randomUUID()}`
          const pid = await orders.place({ id })
          placed.push(id)
          return pid
        },
        REST,
      )
      await plain.answered(pidsOf('orders'))

      release(directory, 'new')
      await supervisor.replace(['orders#2', 'mail#2'])
      const next = await start(shop('new', url), { directory, part: ['doors'], log: silentLogger() })
      try {
        const begun = performance.now()
        const [first, second] = pidsOf('orders') as [number, number]
        const newer = next.client(NewOrders)
        const withNotes = callers(
          LANES,
          async () => {
            const id = `noted-${crypto.randomUUID()}`
            const pid = await newer.place({ id, note: 'fragile' })
            placed.push(id)
            // The old copy does not know of notes.
            if (pid !== first) noted.push(id)
            return pid
          },
          REST,
        )
        let strangers = 0
        const reading = callers(
          LANES,
          async () => {
            const { pid } = await newer.note({ id: placed[0]! })
            if (pid === first) strangers++
            return pid
          },
          REST,
        )
        const loads = [plain, withNotes, reading]
        const refused = await refusal(split)
        // Every copy has its part in it, but for what the old one does not have.
        await Promise.all([plain.answered([first, second]), withNotes.answered([first, second]), reading.answered([second])])
        await sleep(Math.max(0, seconds * 1_000 - (performance.now() - begun)))
        const beside = (performance.now() - begun) / 1_000

        release(directory, 'new')
        await supervisor.replace(['orders#1', 'mail#1'])
        await Promise.all(loads.map((load) => load.answered(pidsOf('orders'))))
        const seen = await Promise.all(loads.map((load) => load.end()))
        while (!(await next.status()).quiet) await sleep(20)
        const mail = next.client(Mail)
        const sent = { placed: await mail.sent({ kind: 'placed' }), noted: await mail.sent({ kind: 'noted' }) }
        const groups = await next.deadLetters('mail')!.groups()
        return {
          ...countEvents({ placed, noted }, sent),
          ...together(seen),
          ...{ seconds: beside, strangers, refused },
          deadLetters: groups.reduce((sum, { count }) => sum + count, 0),
        }
      } finally {
        await next.stop()
      }
    },
  )
}

/** Tries the narrow release in place of an old copy. */
async function refusal({ supervisor, directory, lines }: Split): Promise<string | undefined> {
  const from = lines.length
  release(directory, 'narrow')
  try {
    await supervisor.replace(['orders#1'])
    return undefined
  } catch {
    return lines.slice(from).find((line) => line.includes(NARROWS))
  }
}

/** What was placed and what letters were sent, by kind: each order has one of each kind that is its own. */
export function countEvents(
  placed: { readonly placed: readonly string[]; readonly noted: readonly string[] },
  sent: { readonly placed: readonly string[]; readonly noted: readonly string[] },
): Counted {
  const [events, letters] = [listed(placed), listed(sent)]
  const seen = new Set<string>()
  const doubled = letters.filter((letter) => seen.size === seen.add(letter).size)
  return { events: events.length, handled: seen.size, lost: events.filter((event) => !seen.has(event)), doubled }
}

const listed = ({ placed, noted }: { readonly placed: readonly string[]; readonly noted: readonly string[] }): string[] => [
  ...placed.map((id) => `placed ${id}`),
  ...noted.map((id) => `noted ${id}`),
]

function together(seen: readonly Seen[]): Pick<Rolled, 'calls' | 'failed' | 'longest'> {
  const failed: Record<string, number> = {}
  for (const one of seen) for (const [code, count] of Object.entries(one.failed)) failed[code] = (failed[code] ?? 0) + count
  return {
    calls: seen.reduce((sum, { calls }) => sum + calls, 0),
    failed,
    longest: Math.max(...seen.map(({ call }) => call)),
  }
}

/** Whether all that is promised was kept. */
export const isKept = ({ failed, lost, doubled, strangers, deadLetters, refused }: Rolled): boolean =>
  Object.keys(failed).length + lost.length + doubled.length + strangers + deadLetters === 0 && refused !== undefined

export function describeRolled(rolled: Rolled): string {
  const { seconds, calls, failed, longest, events, handled, lost, doubled, strangers, deadLetters, refused } = rolled
  const number = (value: number): string => Math.round(value).toLocaleString('en')
  const failures = Object.entries(failed).map(([code, count]) => `${count} ${code}`)
  return [
    `${isKept(rolled) ? '' : '✗ '}old and new copies side by side for ${number(seconds)} s`,
    `calls ${number(calls)}, failed ${failures.join(', ') || '0'}, the longest took ${number(longest)} ms`,
    `events ${number(events)}, handled ${number(handled)}, lost ${lost.length}, doubled ${doubled.length}, dead letters ${deadLetters}`,
    ...[...lost.map((what) => `lost: ${what}`), ...doubled.map((what) => `doubled: ${what}`)]
      .slice(0, 20)
      .map((line) => `  ${line}`),
    ...(strangers === 0 ? [] : [`  ${strangers} calls were answered by copies that do not have the operation`]),
    refused === undefined
      ? 'a release that may not stand beside the old one was taken'
      : `refused beside the old one: ${refused}`,
    '',
  ].join('\n')
}
