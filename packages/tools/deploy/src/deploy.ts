/** Container images of services without a container engine, and what becomes of them. */
export { DeployError, type DeployErrorCode } from './errors.ts'
export { buildImage, exportImage, gitOrigin, type GitOrigin, type Image, type ImageOptions } from './image/image.ts'
export { credentialsFor } from './registry/credentials.ts'
export { pushImage, type Pushed, type PushOptions } from './registry/push.ts'
export { describeRelease, readRelease, writeRelease, type Release } from './release.ts'
export { readReference, type ImageReference } from './registry/reference.ts'
export type { RegistryOptions } from './registry/client.ts'
export { container, type ContainerOptions } from './container/container.ts'
export { dureStart, host, type HostOptions, type HostProgram } from './host/host.ts'
export {
  behindGateway,
  countsBetween,
  LATENCIES,
  latencyOf,
  type BehindGateway,
  type BehindGatewayOptions,
  type CallCounts,
  type CopyHealth,
  type CopyHost,
  type CopyRun,
  type CopyState,
  type Deployed,
  type Plan,
  type ReleaseHealth,
  type Target,
  type Wanted,
} from './target/target.ts'
export {
  autoscale,
  judge,
  openPlatform,
  type AutoscaleLimits,
  type AutoscaleOptions,
  type AutoscaleState,
  type Autoscaling,
  type DeployOptions,
  type EnvironmentOptions,
  type Judgement,
  type Limits,
  type Outcome,
  type Platform,
  type Rollout,
  type RolloutState,
  type Sample,
  type Seen,
  type Step,
} from './platform/platform.ts'
export {
  kubernetes,
  kubernetesDocuments,
  kubernetesText,
  type KubernetesEntry,
  type KubernetesObject,
  type KubernetesOptions,
  type KubernetesWorkload,
} from './kubernetes/kubernetes.ts'
export { systemd, systemdUnits, type SystemdOptions, type SystemdWorkload } from './systemd/systemd.ts'
export { buildVmDisk, cloudInitSeed, debianBase, vm, type DiskOptions, type Seed, type VmDisk, type VmOptions } from './vm/vm.ts'
