/** What the registry refuses: an HTTP status, and words that say what, where and what to do. */
export class RegistryFault extends Error {
  override readonly name = 'RegistryFault'
  readonly status: number

  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.status = status
  }
}
