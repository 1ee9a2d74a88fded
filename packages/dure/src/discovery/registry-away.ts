/** A registry could not be asked: it is down, frozen, refuses, or what answers there is none. */
export class RegistryAway extends Error {
  override readonly name = 'RegistryAway'
  /** Of what it answered, as HTTP counts; undefined where it did not. */
  readonly status: number | undefined

  constructor(message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, options)
    this.status = options.status
  }
}

/** Whether asking again is answered the same: it was not let in, or asked for what it refuses. */
export function refuses({ status }: RegistryAway): boolean {
  return status !== undefined && status >= 400 && status < 500 && status !== 429
}
