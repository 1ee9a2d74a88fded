/** Why a project was not made, in words that say what to do. Nothing was written. */
export class CreateError extends Error {
  override readonly name = 'CreateError'
}
