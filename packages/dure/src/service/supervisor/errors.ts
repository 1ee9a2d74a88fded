/** Something cannot be supervised, in words that say what to do. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError'
}
