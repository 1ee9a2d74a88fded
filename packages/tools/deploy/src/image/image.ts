/** Images: from the files of a project to blobs in a folder. */
export { buildImage, type Image, type ImageOptions } from './build.ts'
export { exportImage } from './export.ts'
export { gitOrigin, type GitOrigin } from './git.ts'
export { MEDIA, openLayout, type Descriptor, type Layout, type Manifest } from './layout.ts'
export { DATA, NODE, USER } from './base.ts'
