import type { DeadLetter } from 'dure/messaging'
import type { StoryRecord } from 'dure/story'
import type { CheckWorld } from '../run/run.ts'

/** What went wrong, in the story or when it was played. */
type Wrong = {
  /** `billing/order.placed`, or `saga checkout`. */
  readonly where: string
  readonly what: string
  readonly error: string
  /** What fails alike has the same. */
  readonly group: string | undefined
}

type Paused = { readonly saga: string; readonly id: string; readonly reason: string | null }

/** @throws when something goes wrong, and says whether it is what went wrong then */
export async function checkStory(story: StoryRecord, world: Pick<CheckWorld, 'deadLetters' | 'ask' | 'status'>): Promise<void> {
  const [before, now] = [wrongIn(story), await wrongNow(story, world)]
  if (now.length === 0) return
  const same = now.filter((one) => before.some((other) => isSame(one, other)))
  const others = now.filter((one) => !same.includes(one))
  const gone = before.filter((one) => !now.some((other) => isSame(one, other)))
  throw new Error(
    [
      ...(same.length > 0 ? [`the same goes wrong as then: ${textOf(same)}`] : []),
      ...(others.length > 0 ? [`something else goes wrong than then: ${textOf(others)}`] : []),
      ...(gone.length > 0 ? [`what went wrong then does not: ${textOf(gone)}`] : []),
    ].join('\n'),
  )
}

function isSame(one: Wrong, other: Wrong): boolean {
  if (one.where !== other.where || one.what !== other.what) return false
  return one.group === undefined || other.group === undefined ? alike(one.error, other.error) : one.group === other.group
}

const alike = (one: string, other: string): boolean => shapeOf(one) === shapeOf(other)
/** Without ids and numbers, which differ from run to run. */
const shapeOf = (text: string): string => text.replaceAll(/[\da-f-]{8,}|\d+/gi, '#')

const textOf = (all: readonly Wrong[]): string => all.map(({ where, what, error }) => `${where}, "${what}": ${error}`).join('; ')

function wrongIn({ messages, sagas }: StoryRecord): readonly Wrong[] {
  const reactions = messages.flatMap(({ type, reactions: all }) =>
    all
      .filter(({ state, error }) => state === 'dead' || (state === 'retrying' && error !== undefined))
      .map(({ consumer, error, group }): Wrong => ({ where: consumer, what: type, error: firstLine(error), group })),
  )
  const paused = sagas.filter(({ state }) => state === 'paused')
  return [...reactions, ...paused.map(({ saga, id, reason }) => wrongSaga({ saga, id, reason }))]
}

const wrongSaga = ({ saga, id, reason }: Paused): Wrong => ({
  where: `saga ${saga}`,
  what: id,
  error: firstLine(reason),
  group: undefined,
})

/** What is dead, or has paused, once all has come to rest. */
async function wrongNow(
  { messages, sagas }: StoryRecord,
  { deadLetters, ask, status }: Pick<CheckWorld, 'deadLetters' | 'ask' | 'status'>,
): Promise<readonly Wrong[]> {
  const names = (await status()).services.map(({ service }) => service)
  const letters = await Promise.all(names.map(async (name) => (await deadLetters(name)?.list({ limit: 100 })) ?? []))
  const keepers = new Set([...sagas.map(({ service }) => service), ...messages.map(({ source }) => source), ...names])
  const paused = await Promise.all(
    [...keepers].map(async (name) => {
      const asked = ask(name, { kind: 'saga', method: 'list', input: { state: 'paused' } })
      return ((await asked.catch(() => [])) ?? []) as readonly Paused[]
    }),
  )
  return [...letters.flat().map(wrongLetter), ...paused.flat().map(wrongSaga)]
}

const wrongLetter = ({ consumer, message, error, group }: DeadLetter): Wrong => ({
  where: consumer,
  what: message.type,
  error,
  group,
})

function firstLine(text: string | null | undefined): string {
  return (text ?? '').split('\n', 1)[0]!.trim()
}
