/** Why a call was ended before its answer. */
export type CancelReason = 'deadline' | 'caller' | 'stopping'

/**
 * The end of a call, told to whoever works for it. Lighter than AbortSignal, because every call has one
 * and hardly any is ever cancelled: an AbortSignal is made only when somebody asks for it.
 */
export class Cancellation {
  reason: CancelReason | undefined = undefined
  #over = false
  // Nearly every call has one listener: a set is made for the second.
  #listener: CancelListener | undefined = undefined
  #others: Set<CancelListener> | undefined = undefined
  #controller: AbortController | undefined = undefined

  /** The same news as an AbortSignal, for handlers and libraries. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.reason !== undefined) this.#controller.abort(abortReason(this.reason))
    }
    return this.#controller.signal
  }

  cancel(reason: CancelReason): void {
    if (this.reason !== undefined) return
    this.reason = reason
    this.#controller?.abort(abortReason(reason))
    const listener = this.#listener
    const others = this.#others
    this.#listener = undefined
    this.#others = undefined
    listener?.onCancel(reason)
    if (others !== undefined) for (const other of others) other.onCancel(reason)
  }

  /** Told once when cancelled; at once when that has happened. */
  add(listener: CancelListener): void {
    if (this.reason !== undefined) return listener.onCancel(this.reason)
    if (this.#over) return listener.onOver?.()
    if (this.#listener === undefined || this.#listener === listener) this.#listener = listener
    else (this.#others ??= new Set()).add(listener)
  }

  remove(listener: CancelListener): void {
    if (this.#listener === listener) this.#listener = undefined
    else this.#others?.delete(listener)
  }

  /** The call was answered: what its handler has left open ends with it. */
  over(): void {
    this.#over = true
    this.#listener?.onOver?.()
    if (this.#others !== undefined) for (const other of this.#others) other.onOver?.()
  }

  /** Whether anybody waits for it. */
  get listened(): boolean {
    return this.#listener !== undefined || (this.#others !== undefined && this.#others.size > 0)
  }
}

export type CancelListener = {
  onCancel(reason: CancelReason): void
  /** The call is over without having been cancelled. */
  onOver?(): void
}

/**
 * The end of a call whose caller gave a signal for it: that of the signal, and that of the handler which calls. Both may
 * live much longer than the call, so they are listened to only while somebody waits for its end.
 */
export class CallerCancellation extends Cancellation implements CancelListener {
  readonly #signal: AbortSignal
  readonly #parent: Cancellation | undefined
  #following = false

  constructor(signal: AbortSignal, parent: Cancellation | undefined) {
    super()
    this.#signal = signal
    this.#parent = parent
  }

  override add(listener: CancelListener): void {
    super.add(listener)
    this.#follow()
  }

  override remove(listener: CancelListener): void {
    super.remove(listener)
    this.#follow()
  }

  override cancel(reason: CancelReason): void {
    super.cancel(reason)
    this.#follow()
  }

  onCancel(reason: CancelReason): void {
    this.cancel(reason)
  }

  handleEvent(): void {
    this.cancel('caller')
  }

  #follow(): void {
    const wanted = this.reason === undefined && this.listened
    if (wanted === this.#following) return
    this.#following = wanted
    if (!wanted) {
      this.#signal.removeEventListener('abort', this)
      this.#parent?.remove(this)
    } else if (this.#signal.aborted) this.cancel('caller')
    else {
      this.#signal.addEventListener('abort', this)
      this.#parent?.add(this)
    }
  }
}

/** Does work that asks for the end of its call now and then, or for its signal: whatever leads to that end is listened to meanwhile. */
export async function heeding<T>(
  { cancellation }: { readonly cancellation: Cancellation | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const ear: CancelListener = { onCancel: () => {} }
  cancellation?.add(ear)
  try {
    return await work()
  } finally {
    cancellation?.remove(ear)
  }
}

function abortReason(reason: CancelReason): DOMException {
  return reason === 'deadline'
    ? new DOMException('The deadline of this call has passed', 'TimeoutError')
    : new DOMException(reason === 'caller' ? 'The caller has cancelled this call' : 'The service is stopping', 'AbortError')
}
