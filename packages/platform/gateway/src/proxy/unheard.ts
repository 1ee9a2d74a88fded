import type { Fault } from '../wire/wire.ts'
import { Timed, type Time } from './timed.ts'
import type { Asker, Endpoint, UpstreamConnection } from './upstream.ts'

/** A request that nobody waits for: what is answered is read, counted and dropped. */
class Unheard extends Timed implements Asker {
  readonly method: string
  readonly #upstream: UpstreamConnection
  readonly #ended: (how: number | 'failed' | 'late') => void
  #status = 0

  constructor(
    request: { readonly method: string; readonly head: string; readonly body: readonly Buffer[] },
    options: {
      readonly upstream: UpstreamConnection
      readonly time: Time
      readonly timeout: number
      readonly ended: (how: number | 'failed' | 'late') => void
    },
  ) {
    super(options.time)
    this.method = request.method
    this.#upstream = options.upstream
    this.#ended = options.ended
    this.lateIn(options.timeout)
    options.upstream.ask(this, request.head)
    for (const part of request.body) options.upstream.outflow.write(part)
  }

  late(): void {
    this.#upstream.cut()
    this.#ended('late')
  }

  cut(): void {
    this.never()
    this.#upstream.cut()
  }

  answering(_upstream: UpstreamConnection, { status }: { readonly status: number }): boolean {
    this.#status = status
    return true
  }

  answered(upstream: UpstreamConnection): void {
    this.never()
    upstream.endpoint.giveBack(upstream)
    this.#ended(this.#status)
  }

  failed(): void {
    this.never()
    this.#ended('failed')
  }

  informed(): Fault | undefined {
    return undefined
  }

  switched(): boolean {
    return false
  }

  part(): boolean {
    return false
  }

  drained(): void {}

  flush(): void {}
}

/**
 * Sends a request to an instance, for nobody; told once of how it ended: with a status, or without. Answers what ends it; undefined when
 * there is no connection for it.
 */
export function sendUnheard(
  request: { readonly method: string; readonly head: string; readonly body: readonly Buffer[] },
  options: {
    readonly endpoint: Endpoint
    readonly time: Time
    readonly timeout: number
    readonly ended: (how: number | 'failed' | 'late') => void
  },
): (() => void) | undefined {
  const upstream = options.endpoint.take()
  if (upstream === undefined) return undefined
  const made = new Unheard(request, { ...options, upstream })
  return () => made.cut()
}
