import type { Store } from 'dure/data'
import { Crossed, type Attempt, type Committed } from './attempt.ts'

/** Resolves when no other transaction holds a row that this one has written. @throws {Crossed} when one of them has committed it */
export async function waitForRows(
  attempt: Attempt,
  options: {
    readonly open: ReadonlySet<Attempt>
    readonly committed: () => readonly Committed[]
    readonly sometimes: (what: string) => void
  },
): Promise<void> {
  const { open, committed, sometimes } = options
  while (attempt.state === 'open') {
    if (committed().some((other) => other.version > attempt.from && overlap(attempt, other.attempt)))
      throw new Crossed('another has written the same row since it began')
    const holder = [...open].find((other) => other !== attempt && overlap(attempt, other))
    if (holder === undefined) return
    attempt.waitsFor = holder
    try {
      if (isDeadlock(attempt)) {
        sometimes('two transactions waited for each other')
        throw new Crossed('it waits for one that waits for it')
      }
      sometimes('a transaction waited for a row')
      await holder.over.promise
    } finally {
      attempt.waitsFor = undefined
    }
  }
}

function isDeadlock(attempt: Attempt): boolean {
  for (let next = attempt.waitsFor; next !== undefined; next = next.waitsFor) if (next === attempt) return true
  return false
}

function overlap(one: Attempt, other: Attempt): boolean {
  for (const row of one.rows) if (other.rows.has(row)) return true
  return false
}

/** Resolves when all of these are over; those of the member before are ended after a while. */
export async function waitOut(
  attempts: readonly Attempt[],
  how: Parameters<NonNullable<Store['waitOut']>>[0],
  server: {
    readonly later: (ms: number, task: () => void) => void
    readonly end: (attempt: Attempt, reason: Error) => void
    readonly sometimes: (what: string) => void
  },
): Promise<void> {
  if (attempts.length === 0) return
  const { sometimes, end } = server
  sometimes('open transactions were waited for')
  server.later(how.patience, () => {
    for (const attempt of attempts) {
      if (attempt.state !== 'open' || attempt.member !== how.before) continue
      sometimes('a transaction of the one before was ended')
      end(attempt, new Error('The server has ended the transaction: another member owns what it wrote to'))
    }
  })
  await Promise.all(attempts.map(({ over }) => over.promise))
}
