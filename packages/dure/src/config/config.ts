/** Settings from outside, changed while a system runs: where they come from, what they are for a service, and secrets. */
export { ConfigError, type ConfigProblem } from './errors.ts'
export type {
  ConfigAdapter,
  ConfigFreshness,
  ConfigLayer,
  ConfigScalar,
  ConfigSnapshot,
  ConfigSource,
  ConfigValue,
  ConfigWorld,
} from './source.ts'
export { polledSource, type PolledOptions } from './polled.ts'
export { liveValues, type LiveValues } from './values.ts'
export { folder, type FolderOptions } from './files/folder.ts'
export { mount, type MountOptions } from './files/mount.ts'
export { environment, type EnvironmentOptions } from './files/environment.ts'
export { keyFile, keyVariable } from './files/keys.ts'
export { sealValue, type ConfigKeys } from './sealed.ts'
export { secret, type Secret } from './secret.ts'
export type { ConfigOptions, ConfigStatus } from './configuration.ts'
export type { ConfigEntry, ShownValue } from './judge.ts'
export type { ConfigRelease } from './release.ts'
export type { ReleaseOptions, RollbackOptions, WaveOptions } from './fleet.ts'
