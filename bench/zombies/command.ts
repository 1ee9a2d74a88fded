import { setTimeout as sleep } from 'node:timers/promises'
import { insideOne } from './outbox.ts'
import { freeze, thaw, until, withDesks, type RoleOptions, type Seen } from './rig.ts'

/** Commands under way at once. */
const CALLERS = 12

/** A copy that carries out commands with keys stands still; the other one is sent the same again, and carries them out. */
export function commands(options: RoleOptions): Promise<Seen> {
  return withDesks(options, 'polling', async (rig) => {
    const { times, random, say, broken } = options
    const answers = new Map<string, Set<string>>()
    let [inside, takeover, counted] = [0, 0, 0]
    /** Until it is answered, and then once more; without its fence, each try with a key of its own. */
    const pay = async (id: string): Promise<void> => {
      const pauses = [0, 0, 0].map(() => Math.floor(random() * 60)) as [number, number, number]
      for (let answered = 0, tries = 0; answered < 2; tries++) {
        const key = broken && tries > 0 ? `${id} ${tries}` : id
        try {
          const token = await rig.pay(id, pauses, key)
          answers.get(id)!.add(token)
          answered = broken ? 2 : answered + 1
        } catch (error) {
          const { code } = error as { readonly code?: string }
          // Carried out, and its answer was lost: there is nothing more to hear.
          if (code === 'ALREADY_EXISTS') return
          await sleep(20)
        }
      }
    }
    for (let round = 0; round < times; round++) {
      await Promise.all(Array.from({ length: 6 }, (_, at) => warm(`warm ${round} ${at}`)))
      const ids = Array.from({ length: CALLERS }, () => `payment ${counted++}`)
      for (const id of ids) answers.set(id, new Set())
      const pid = rig.pids('desk')[round % 2]!
      const paid = Promise.all(ids.map(pay))
      await sleep(random() * 100)
      freeze(pid)
      try {
        if (await insideOne(rig, 'desk')) inside++
        let all = false
        paid.then(
          () => (all = true),
          () => {},
        )
        takeover = Math.max(takeover, await until('the other copy has answered all', () => all))
      } finally {
        thaw(pid)
      }
      await sleep(300)
      say(`${round + 1}: ${ids.length} commands`)
    }
    await sleep(2_000)
    const rows = await rig.ask('SELECT id, count(*)::int AS n, min(token) AS token FROM desk.payments GROUP BY id')
    const kept = new Map(rows.map(({ id, n, token }) => [String(id), { n: Number(n), token: String(token) }]))
    const past = [...answers].flatMap(([id, tokens]) => {
      const { n = 0, token } = kept.get(id) ?? {}
      if (n !== 1) return [`${id}: carried out ${n} times`]
      return [...tokens].filter((each) => each !== token).map((each) => `${id}: answered ${each}, kept ${token}`)
    })
    return { past, inside, takeover }

    async function warm(id: string): Promise<void> {
      await rig.pay(id, [0, 0, 0], id).catch(() => {})
    }
  })
}
