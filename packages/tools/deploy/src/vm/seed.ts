import { createHash } from 'node:crypto'
import { GUEST } from './guest.ts'

/** Files of a volume called `CIDATA`, which cloud-init reads when a machine starts: its data source NoCloud. */
export type Seed = { readonly 'user-data': string; readonly 'meta-data': string }

/**
 * What a machine is told when it starts, in the words of cloud-init: the environment of the services, a file for each variable, for root's
 * eyes; and who it is. Any machine with cloud-init takes it, of any cloud.
 *
 * @example
 * ```ts
 * import { cloudInitSeed } from '@dure/deploy'
 *
 * const seed = cloudInitSeed({ name: 'shop-1', environment: { GREETING: 'hello' } })
 * console.log(seed['user-data'].split('\n')[0]) // → #cloud-config
 * ```
 */
export function cloudInitSeed({
  name,
  environment = {},
}: {
  readonly name: string
  readonly environment?: Readonly<Record<string, string>>
}): Seed {
  const files = Object.entries(environment).map(([key, value]) => ({
    ...{ path: `${GUEST.environment}/${key}`, permissions: '0600', owner: 'root:root', encoding: 'b64' },
    content: Buffer.from(value).toString('base64'),
  }))
  // Enough to tell one from another, and nothing of what it says.
  const mark = createHash('sha256').update(JSON.stringify(environment)).digest('hex').slice(0, 12)
  return {
    // JSON is YAML as well.
    'user-data': `#cloud-config\n${JSON.stringify({ hostname: name, write_files: files }, undefined, 2)}\n`,
    // Another one each time: what is told now is taken, though the disk was there before.
    'meta-data': `${JSON.stringify({ 'instance-id': `${name}-${mark}`, 'local-hostname': name })}\n`,
  }
}
