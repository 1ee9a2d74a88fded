/** Why a call was ended before its answer. */
export type CancelReason = 'deadline' | 'caller' | 'stopping'

/**
 * The end of a call, told to whoever works for it. Lighter than AbortSignal, because every call has one
 * and hardly any is ever cancelled: an AbortSignal is made only when somebody asks for it.
 */
export class Cancellation {
  reason: CancelReason | undefined = undefined
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
    if (this.#listener === undefined || this.#listener === listener) this.#listener = listener
    else (this.#others ??= new Set()).add(listener)
  }

  remove(listener: CancelListener): void {
    if (this.#listener === listener) this.#listener = undefined
    else this.#others?.delete(listener)
  }
}

export type CancelListener = { onCancel(reason: CancelReason): void }

/** A cancellation that follows an AbortSignal; `release` must be called when it is no longer needed. */
export function followSignal(signal: AbortSignal): { cancellation: Cancellation; release: () => void } {
  const cancellation = new Cancellation()
  const abort = (): void => cancellation.cancel('caller')
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return { cancellation, release: () => signal.removeEventListener('abort', abort) }
}

function abortReason(reason: CancelReason): DOMException {
  return reason === 'deadline'
    ? new DOMException('The deadline of this call has passed', 'TimeoutError')
    : new DOMException(reason === 'caller' ? 'The caller has cancelled this call' : 'The service is stopping', 'AbortError')
}
