/** What went wrong: a file that may not go into an image, a project that cannot become one, a layout or release that is not one, a registry, a target, a rollout. */
export type DeployErrorCode = 'FILE' | 'PROJECT' | 'LAYOUT' | 'RELEASE' | 'REGISTRY' | 'TARGET' | 'ROLLOUT'

/**
 * What stood in the way of an image or a release; its message says what to do.
 *
 * @example
 * ```ts
 * import { DeployError } from '@dure/deploy'
 *
 * console.log(new DeployError('FILE', 'Cannot put "key" into the image: it has the setuid bit').code) // → FILE
 * ```
 */
export class DeployError extends Error {
  override readonly name = 'DeployError'
  readonly code: DeployErrorCode

  constructor(code: DeployErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options)
    this.code = code
  }
}
