import type { Story, StoryMessage, StoryPath, StoryReaction, StorySaga, StoryState } from './definition.ts'

type Reason = { readonly state: Exclude<StoryState, 'done'>; readonly why: string }
const WORST: readonly Reason['state'][] = ['failed', 'missing', 'waiting']

/** How a story stands, and why it is not done. */
export function stateOf({
  messages,
  sagas,
  choreographies,
}: Pick<Story, 'messages' | 'sagas' | 'choreographies'>): Pick<Story, 'state' | 'reasons'> {
  const reasons = [...messages.flatMap(ofMessage), ...sagas.flatMap(ofSaga), ...choreographies.flatMap(ofPath)]
  const sorted = reasons.toSorted((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state))
  return { state: sorted[0]?.state ?? 'done', reasons: sorted.map(({ why }) => why) }
}

function ofMessage(message: StoryMessage): readonly Reason[] {
  const { type, source, state, error } = message
  const own: readonly Reason[] =
    state === 'refused'
      ? [{ state: 'failed', why: `The broker does not take "${type}" of ${source}: ${firstLine(error)}` }]
      : state === 'waiting'
        ? [{ state: 'waiting', why: `"${type}" is still in the outbox of ${source}` }]
        : []
  return [...own, ...message.reactions.flatMap((one) => ofReaction(type, one))]
}

function ofReaction(type: string, reaction: StoryReaction): readonly Reason[] {
  const { consumer, service, state, attempts = 0, error, letter, unread } = reaction
  switch (state) {
    case 'dead':
      return [{ state: 'failed', why: `${consumer} gave "${type}" up after ${times(attempts)} (${letter}): ${firstLine(error)}` }]
    case 'retrying':
      return error === undefined
        ? [{ state: 'waiting', why: `${consumer} begins "${type}" later` }]
        : [{ state: 'waiting', why: `${consumer} tries "${type}" again, after ${times(attempts)}: ${firstLine(error)}` }]
    case 'held':
      return [{ state: 'waiting', why: `${consumer} holds "${type}" behind another message of its key` }]
    case 'unread':
      return [
        {
          state: 'waiting',
          why: `${consumer} has not come to "${type}" yet${unread === undefined ? '' : `: it has ${unread} to read`}`,
        },
      ]
    case 'missing':
      return [{ state: 'missing', why: `${consumer} has read "${type}", and nothing says that it handled it` }]
    case 'unknown':
      return [
        { state: 'waiting', why: `Service ${service} does not answer: nobody knows what became of "${type}" at ${consumer}` },
      ]
    default:
      return []
  }
}

function ofSaga({ saga, id, state, reason, failure, todo }: StorySaga): readonly Reason[] {
  if (state === 'paused') return [{ state: 'failed', why: `Saga ${saga} "${id}" has paused: ${reason ?? todo}` }]
  if (state === 'compensating')
    return [{ state: 'waiting', why: `Saga ${saga} "${id}" is being undone: ${failure?.message ?? ''}` }]
  return state === 'running' ? [{ state: 'waiting', why: `Saga ${saga} "${id}" is under way: ${todo}` }] : []
}

function ofPath({ choreography, key, missing }: StoryPath): readonly Reason[] {
  return missing.map(({ event, late }): Reason => {
    const state = late ? 'missing' : 'waiting'
    return { state, why: `Choreography ${choreography} "${key}" waits for "${event}"${late ? ', which is late' : ''}` }
  })
}

const times = (attempts: number): string => (attempts === 1 ? '1 try' : `${attempts} tries`)

export function firstLine(error: string | undefined): string {
  return (error ?? '').split('\n', 1)[0]!.trim()
}
