/** A request that is not answered as it asks: what is wrong, in HTTP's terms; each protocol says it in its own. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly status: number
  /** Seconds until it is worth another try. */
  readonly retryAfter: number | undefined

  constructor(status: number, message: string, retryAfter?: number) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }
}
