/** What a store allows itself, as in PostgresOptions. */
export type StoreLimits = {
  readonly writers: number
  readonly readers: number
  readonly waiting: number
  readonly timeout: number
  readonly readTimeout: number
  readonly outcomeTimeout: number
  readonly connectTimeout: number
}
