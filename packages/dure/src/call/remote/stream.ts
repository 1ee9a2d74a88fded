import type { DeadlineEntry, Deadlines } from '../../runtime/runtime.ts'
import { heeding } from '../cancellation.ts'
import type { CallContext } from '../context.ts'
import { ValueStream } from '../value-stream.ts'
import { clone } from './input-clone.ts'
import type { Grant, Member } from './member.ts'

/** What a stream needs of the way to its operation. */
export type StreamWay = {
  readonly deadlines: Deadlines
  /** Counts a first try. */
  begin(): void
  admit(input: unknown, context: CallContext, tried: readonly Member[]): Promise<Grant>
  open(grant: Grant, input: unknown, context: CallContext, incoming: AsyncIterable<unknown> | undefined): AsyncIterator<unknown>
  judge(grant: Grant, error: unknown, context: CallContext): void
  /** Resolves when it may be begun again, and throws `failure` when not. */
  again(failure: unknown, tried: Member[], context: CallContext): Promise<void>
}

/**
 * One stream or channel at one instance. Until the first value has arrived it may be begun again elsewhere (a channel while it surely
 * has not begun: its callee has read nothing of what its caller sends); from then on it is that
 * instance's stream, and fails with it. It holds its place there until it ends.
 */
export function remoteStream(
  way: StreamWay,
  input: unknown,
  context: CallContext,
  incoming: AsyncIterable<unknown> | undefined,
): ValueStream {
  let grant: Grant | undefined
  let iterator: AsyncIterator<unknown> | undefined
  let judged = false

  /** The first news speaks for or against the instance; a failure later on does as well. */
  const judge = (error: unknown): void => {
    if (grant === undefined || (judged && error === undefined)) return
    const probe = grant.probe && !judged
    judged = true
    way.judge({ ...grant, probe }, error, context)
  }

  const leave = (): void => {
    if (grant === undefined) return
    const { member, probe } = grant
    grant = undefined
    way.deadlines.remove(place)
    // A probe that nobody waited for to the end has told nothing.
    if (probe && !judged) member.health.probed('unknown')
    member.slot.leave()
  }

  /** The peer ends the stream at its deadline; whoever never asks again would keep the place for ever. */
  const place: DeadlineEntry = { at: 0, previous: undefined, following: undefined, expire: leave }

  const first = async (): Promise<AsyncIterator<unknown>> => {
    const tried: Member[] = []
    // It may be begun again later, and must be the same then.
    const own = clone(input)
    let failure: unknown
    way.begin()
    for (;;) {
      if (failure !== undefined) await way.again(failure, tried, context)
      grant = await way.admit(own, context, tried)
      judged = false
      // Begun only now: the caller may have turned away while it waited.
      if (stream.state === 'over') {
        leave()
        return NOTHING
      }
      const { member } = grant
      try {
        way.deadlines.add(place, context.deadline)
        iterator = way.open(grant, own, context, incoming)
        const result = await iterator.next()
        judge(undefined)
        return withFirst(iterator, result)
      } catch (error) {
        judge(error)
        leave()
        failure = error
        tried.push(member)
      }
    }
  }

  const stream = new ValueStream({
    open: () => heeding(context, first),
    over: (failure, stopped) => {
      if (stopped === undefined) judge(failure?.error)
      // The place is free at once, however long the other side takes to end.
      leave()
      if (stopped !== undefined) void iterator?.return?.()
    },
  })
  return stream
}

const NOTHING: AsyncIterator<unknown> = { next: () => Promise.resolve({ done: true, value: undefined }) }

/** The same, whose first value has been asked for already. */
function withFirst(iterator: AsyncIterator<unknown>, first: IteratorResult<unknown>): AsyncIterator<unknown> {
  let given = false
  return {
    next: () => {
      if (given) return iterator.next()
      given = true
      return Promise.resolve(first)
    },
    return: () => iterator.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  }
}
