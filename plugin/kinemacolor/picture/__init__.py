"""Pictures beside the full-size luma: proxy luma, chroma upsampling, merge at constant Y', cut detection."""
