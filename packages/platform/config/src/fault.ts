/** What the server refuses: an HTTP status, and words that say what, where and what to do. They are for the client; nothing secret is in them. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault'
  readonly status: number

  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.status = status
  }
}
