// #region ecosystem
module.exports = {
  apps: [
    {
      name: 'shop',
      script: './dist/server.js',
      exec_mode: 'cluster',
      instances: 'max',
      kill_timeout: 25_000, // close() may take 21 s
    },
  ],
};
// #endregion
