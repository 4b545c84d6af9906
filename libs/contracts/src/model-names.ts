/** Name of the run's newest policy where requests over HTTP name a model. */
export const LATEST_POLICY = 'latest';
