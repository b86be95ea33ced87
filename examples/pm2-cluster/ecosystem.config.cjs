// #region ecosystem
module.exports = {
  apps: [
    {
      name: 'shop',
      script: './dist/server.js',
      exec_mode: 'cluster',
      instances: 'max',
      kill_timeout: 30_000, // 5 s to drain, then at most 21 s
    },
  ],
};
// #endregion
